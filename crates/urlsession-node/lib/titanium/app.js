// Ti.App: who the app is, its properties, and the object that fires the session events, Ti.App.iOS.
'use strict';

const { randomUUID } = require('node:crypto');
const { application } = require('../application.js');
const { pendingLaunches } = require('../launch.js');
const { applicationFolder } = require('../paths.js');
const { API } = require('./api.js');
const { check } = require('./arguments.js');
const { Emitter } = require('./emitter.js');
const { Properties } = require('./properties.js');

class AppleIOS extends Emitter {
  BACKGROUNDFETCHINTERVAL_MIN = 0;

  BACKGROUNDFETCHINTERVAL_NEVER = Number.MAX_VALUE;

  #launches = pendingLaunches();
  #handlers = new Set(this.#launches.map(({ handlerId }) => handlerId));

  constructor() {
    super();
    Emitter.watch(this, (name) => name === 'backgroundtransfer' && this.#tellLaunches());
  }

  /** Nothing to do: the daemon needs no permission to run. */
  setMinimumBackgroundFetchInterval(interval) {
    check(interval, 'Number');
  }

  /** Says that the events of a launch were handled. */
  endBackgroundHandler(handlerId) {
    check(handlerId, 'String');
    if (!this.#handlers.delete(handlerId)) API.debug(`Ti.App.iOS: no background handler “${handlerId}” is running`);
  }

  // Before any event of a session, which needs a turn of the event loop at least; and every launch, not the last one.
  #tellLaunches() {
    const launches = this.#launches.splice(0);
    process.nextTick(() => launches.forEach((launch) => this.fireEvent('backgroundtransfer', launch)));
  }
}

class App extends Emitter {
  iOS = new AppleIOS();

  sessionId = randomUUID();

  deployType = process.env.NODE_ENV === 'production' ? 'production' : 'development';

  Properties = new Properties(applicationFolder(application().id));

  get id() {
    return application().id;
  }

  get name() {
    return application().name;
  }

  get version() {
    return application().version;
  }

  get description() {
    return application().description;
  }
}

module.exports = { App };

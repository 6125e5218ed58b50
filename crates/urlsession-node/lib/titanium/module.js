// The module `com.appcelerator.urlSession`, under its present and its historical names.
'use strict';

const { API } = require('./api.js');
const { check, checkCount, isDictionary } = require('./arguments.js');
const { SessionConfiguration } = require('./configuration.js');
const { Session } = require('./session.js');

const MODULE_ID = 'com.appcelerator.urlSession';

function createSessionConfiguration(options) {
  check(options, 'Object');
  return new SessionConfiguration(options);
}

function createSession(...args) {
  checkCount(args.length, 1);
  const [given] = args;
  const isConfiguration = given instanceof SessionConfiguration;
  const configuration = isConfiguration ? given : isDictionary(given) && given.configuration;
  if (!(configuration instanceof SessionConfiguration)) {
    API.error('Ti.URLSession: Cannot create URLSession: pass { configuration }, made by createSessionConfiguration()');
    return null;
  }
  if (isConfiguration) deprecated('createSession(configuration)', 'createSession({ configuration })');
  return Session.open(configuration);
}

function createURLSessionBackgroundConfiguration(identifier) {
  deprecated('createURLSessionBackgroundConfiguration', 'createSessionConfiguration({ identifier })');
  if (typeof identifier !== 'string') {
    API.error('Ti.URLSession: Cannot create a configuration: the identifier must be a String');
    return null;
  }
  return createSessionConfiguration({ identifier });
}

function backgroundDownloadTaskWithURL(...args) {
  deprecated('backgroundDownloadTaskWithURL', 'session.downloadTask({ url })');
  checkCount(args.length, 2);
  const [session, url] = args;
  check(session, Session);
  check(url, 'String');
  return session.downloadTask({ url });
}

// The first releases had every method of the session on the module, with the session as an argument.
function onSession(method) {
  return (session) => {
    check(session, Session);
    deprecated(method, `session.${method}()`);
    session[method]();
  };
}

function taskOnSession(method) {
  return (options) => {
    check(options, 'Object');
    const { session, ...task } = options;
    check(session, Session);
    return session[method](task);
  };
}

function deprecated(name, successor) {
  API.warn(`Ti.URLSession: ${name} is deprecated; use ${successor}`);
}

module.exports = {
  moduleId: MODULE_ID,
  createSessionConfiguration,
  createSession,
  // Not deprecated here: the documentation still names it as the way.
  createURLSession: (...args) => createSession(...(args[0] instanceof SessionConfiguration
    ? [{ configuration: args[0] }]
    : args)),
  createURLSessionBackgroundConfiguration,
  backgroundDownloadTaskWithURL,
  finishTasksAndInvalidate: onSession('finishTasksAndInvalidate'),
  invalidateAndCancel: onSession('invalidateAndCancel'),
  downloadTask: taskOnSession('downloadTask'),
  uploadTask: taskOnSession('uploadTask'),
  dataTask: taskOnSession('dataTask'),
};

//! A session of JavaScript's: calls go down at once, events are taken when there are some.

use crate::configuration::SessionOptions;
use crate::credential::{
    AuthenticationChallenge, ChallengeAnswer, Credential, StoredCredential, space,
};
use crate::error::thrown;
use crate::event::{EventBatch, number};
use crate::hold::Hold;
use crate::metrics::TaskMetrics;
use crate::redirection::RedirectAnswer;
use crate::remembered::{Cookie, KnownHost};
use crate::task::{NewTask, TaskEdit, TaskListing};
use napi::bindgen_prelude::{AsyncTask, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use urlsession::{
    Daemon, Delivery, Error, Event, Events, Session, SessionKey, Task, TaskIdentifier,
};

/// Most calls of `onEvents` that wait for JavaScript. While one does, further events need none.
const QUEUE_LIMIT: usize = 1;
/// Most events that are taken at once.
const BATCH_LIMIT: usize = 256;

/// Calls `onEvents` without keeping the process alive; the JavaScript side decides about that.
type OnEvents = ThreadsafeFunction<(), (), (), Status, false, true, QUEUE_LIMIT>;

/// Has JavaScript take the events that are there, until it has let go of the session: the function
/// keeps all that it refers to, so that a session that is gone would stay in memory.
struct Call(Mutex<Option<OnEvents>>);

impl Call {
    fn function(&self) -> MutexGuard<'_, Option<OnEvents>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // One that waits already does for this one too; without JavaScript the events stay owed.
        if let Some(function) = &*self.function() {
            function.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

/// This process's hold on a session.
#[napi]
pub struct NativeSession {
    session: Session,
    events: RefCell<Events>,
    /// Calls `onEvents`.
    call: Arc<Call>,
    /// Kept events that JavaScript has not acknowledged, by their numbers.
    unacknowledged: RefCell<HashMap<i64, Delivery>>,
    /// What is given back when the JavaScript environment ends.
    attached: Arc<Mutex<Option<Hold>>>,
}

#[napi]
impl NativeSession {
    /// Attaches the session, starting the daemon if none runs. Waits at most 30 s.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        options: SessionOptions,
        on_events: Function<'_, (), ()>,
    ) -> napi::Result<Self> {
        let on_events: OnEvents = on_events
            .build_threadsafe_function()
            .weak::<true>()
            .callee_handled::<false>()
            .max_queue_size::<QUEUE_LIMIT>()
            .build()?;
        let session = Session::new(options.try_into().map_err(thrown)?).map_err(thrown)?;
        let hold = Hold::take(&session).map_err(thrown)?;
        let call = Arc::new(Call(Mutex::new(Some(on_events))));
        // Events may be there already.
        call.wake_by_ref();
        // A worker may end before its process does; another one can then have the session.
        let attached = Arc::new(Mutex::new(Some(hold)));
        env.add_env_cleanup_hook(Arc::clone(&attached), |attached| {
            if let Some(hold) = take(&attached) {
                hold.give_back();
            }
        })?;
        let (events, unacknowledged) = (RefCell::new(session.events()), RefCell::default());
        Ok(Self { session, events, call, unacknowledged, attached })
    }

    /// Takes the events that are there, if any. `onEvents` is called when there are more.
    #[napi]
    pub fn take_events(&self) -> napi::Result<Option<EventBatch>> {
        let waker = Waker::from(Arc::clone(&self.call));
        let mut context = Context::from_waker(&waker);
        let (mut events, mut noted) = (self.events.borrow_mut(), self.unacknowledged.borrow_mut());
        let (mut batch, mut count) = (EventBatch::default(), 0);
        while let Poll::Ready(Some(mut delivery)) = events.poll_recv(&mut context) {
            // What acknowledges the event needs nothing of it.
            let event = std::mem::replace(&mut delivery.event, Event::DidFinishEvents);
            let number = delivery.number.map(|kept| number(kept.0));
            batch.push(delivery.task, number, event)?;
            if let Some(number) = number {
                noted.insert(number, delivery);
            }
            count += 1;
            if count == BATCH_LIMIT {
                self.call.wake_by_ref();
                break;
            }
        }
        Ok(batch.complete())
    }

    /// Tells where the daemon keeps files, if it has said that.
    #[napi]
    pub fn state_folder(&self) -> Option<String> {
        // The daemon refuses a folder that is no UTF-8.
        self.session.state_folder()?.into_os_string().into_string().ok()
    }

    /// Makes metrics of their text.
    #[napi]
    pub fn metrics(text: String) -> napi::Result<TaskMetrics> {
        let metrics: urlsession::TaskMetrics = serde_json::from_str(&text)?;
        Ok((&metrics).into())
    }

    /// Removes what the sessions of this process have on disk, which ends now.
    #[napi]
    pub fn remove_temporary_files() {
        Session::remove_temporary_files();
    }

    /// Lets go of a session that is gone.
    #[napi]
    pub fn close(&self) {
        drop(take(&self.attached));
        drop(self.call.function().take());
    }

    /// Creates a task and returns its number once its line is in the daemon's socket.
    #[napi]
    pub fn create_task(&self, task: NewTask) -> napi::Result<i64> {
        task.create(&self.session).map(|task| number(task.0)).map_err(thrown)
    }

    /// Lets a task go on.
    #[napi]
    pub fn resume(&self, task: i64) -> napi::Result<()> {
        self.task(task).resume().map_err(thrown)
    }

    /// Stops a task and keeps its bytes.
    #[napi]
    pub fn suspend(&self, task: i64) -> napi::Result<()> {
        self.task(task).suspend().map_err(thrown)
    }

    /// Replaces parts of a task's request and lets it try at once, if it waits for that.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn edit(&self, task: i64, edit: TaskEdit) -> AsyncTask<Answer<()>> {
        let task = self.task(task);
        answer(move || task.edit(edit.try_into()?))
    }

    /// Answers the question that a task waits with.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn answer(
        &self,
        task: i64,
        challenge: AuthenticationChallenge,
        answer: ChallengeAnswer,
    ) -> AsyncTask<Answer<()>> {
        let task = self.task(task);
        self::answer(move || task.answer(&challenge.into(), answer.try_into()?))
    }

    /// Says where the task goes on from a redirect.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn redirect(
        &self,
        task: i64,
        question: u32,
        answer: RedirectAnswer,
    ) -> AsyncTask<Answer<()>> {
        let task = self.task(task);
        self::answer(move || {
            let (redirection, disposition) = answer.read(question)?;
            task.redirect(&redirection, disposition)
        })
    }

    /// Lists the credentials that are kept for the application.
    #[napi(ts_return_type = "Promise<Array<StoredCredential>>")]
    pub fn credentials(&self) -> AsyncTask<Answer<Vec<StoredCredential>>> {
        let session = self.session.clone();
        answer(move || {
            let kept = session.credentials().list()?;
            Ok(kept.into_iter().map(StoredCredential::from).collect())
        })
    }

    /// Keeps a credential for a server, or for a part of it.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn set_credential(
        &self,
        url: String,
        realm: Option<String>,
        credential: Credential,
    ) -> AsyncTask<Answer<()>> {
        let session = self.session.clone();
        answer(move || session.credentials().set(space(&url, realm)?, credential.try_into()?))
    }

    /// Forgets the credentials of a server, or of a part of it, or all; resolves with how many.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn remove_credentials(
        &self,
        url: Option<String>,
        realm: Option<String>,
    ) -> AsyncTask<Answer<i64>> {
        let session = self.session.clone();
        answer(move || {
            let space = url.map(|url| space(&url, realm)).transpose()?;
            session.credentials().remove(space.as_ref()).map(number)
        })
    }

    /// Lists the cookies of a domain and of all hosts below it, or all.
    #[napi(ts_return_type = "Promise<Array<Cookie>>")]
    pub fn cookies(&self, domain: Option<String>) -> AsyncTask<Answer<Vec<Cookie>>> {
        let session = self.session.clone();
        answer(move || {
            let kept = session.cookies().list(domain.as_deref())?;
            Ok(kept.into_iter().map(Cookie::from).collect())
        })
    }

    /// Keeps cookies; resolves with how many were taken.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn set_cookies(&self, cookies: Vec<Cookie>) -> AsyncTask<Answer<i64>> {
        let session = self.session.clone();
        answer(move || {
            let cookies: Result<Vec<_>, _> = cookies.into_iter().map(TryInto::try_into).collect();
            session.cookies().set(cookies?).map(number)
        })
    }

    /// Forgets the cookies of a domain and of all hosts below it, or all; resolves with how many.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn clear_cookies(&self, domain: Option<String>) -> AsyncTask<Answer<i64>> {
        let session = self.session.clone();
        answer(move || session.cookies().clear(domain.as_deref()).map(number))
    }

    /// Lists the hosts that are asked over `https` only.
    #[napi(ts_return_type = "Promise<Array<KnownHost>>")]
    pub fn known_hosts(&self) -> AsyncTask<Answer<Vec<KnownHost>>> {
        let session = self.session.clone();
        answer(move || {
            let known = session.known_hosts().list()?;
            Ok(known.into_iter().map(KnownHost::from).collect())
        })
    }

    /// Adds hosts as if they had said it themselves; resolves with how many were taken.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn add_known_hosts(&self, hosts: Vec<KnownHost>) -> AsyncTask<Answer<i64>> {
        let session = self.session.clone();
        answer(move || {
            let hosts: Vec<_> = hosts.into_iter().map(Into::into).collect();
            session.known_hosts().add(&hosts).map(number)
        })
    }

    /// Forgets one host, or all; resolves with how many.
    #[napi(ts_return_type = "Promise<number>")]
    pub fn clear_known_hosts(&self, host: Option<String>) -> AsyncTask<Answer<i64>> {
        let session = self.session.clone();
        answer(move || session.known_hosts().clear(host.as_deref()).map(number))
    }

    /// Ends a task with -999.
    #[napi]
    pub fn cancel(&self, task: i64) -> napi::Result<()> {
        self.task(task).cancel().map_err(thrown)
    }

    /// Ends a download with -999; resolves with what a new one can go on from.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn cancel_by_producing_resume_data(&self, task: i64) -> AsyncTask<Answer<Option<String>>> {
        let download = self.task(task).into_download();
        answer(move || {
            let data = download.cancel_by_producing_resume_data()?;
            Ok(data.map(|data| data.0.expose().to_owned()))
        })
    }

    /// Lists the tasks, completed ones whose events are owed included.
    #[napi(ts_return_type = "Promise<Array<TaskListing>>")]
    pub fn tasks(&self) -> AsyncTask<Answer<Vec<TaskListing>>> {
        let session = self.session.clone();
        answer(move || {
            // The list comes by another connection, which could overtake a task's creation.
            session.synced(SYNC_LIMIT)?;
            if session.identifier().is_none() {
                return Ok(session.tasks()?.into_iter().map(TaskListing::from).collect());
            }
            let key: SessionKey = session.key().clone();
            let daemon = Daemon::connect(true)?;
            daemon.tasks(Some(key)).map(|status| status.map(TaskListing::from)).collect()
        })
    }

    /// Tells how a task is; rejects if there is none of that number, or none any more.
    #[napi(ts_return_type = "Promise<TaskListing>")]
    pub fn status(&self, task: i64) -> AsyncTask<Answer<TaskListing>> {
        let task = self.task(task);
        answer(move || task.status().map(TaskListing::from))
    }

    /// Acknowledges kept events: they and their files are forgotten.
    #[napi]
    pub fn acknowledge(&self, event_numbers: Vec<i64>) {
        let mut noted = self.unacknowledged.borrow_mut();
        let take = |number| noted.remove(&number);
        let deliveries: Vec<_> = event_numbers.into_iter().filter_map(take).collect();
        Delivery::acknowledge_all(&deliveries);
    }

    /// Resolves once everything asked for is durable.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn synced(&self) -> AsyncTask<Answer<()>> {
        let session = self.session.clone();
        answer(move || session.synced(SYNC_LIMIT))
    }

    /// Empties what is stored for the session's application, and flushes.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn reset(&self) -> AsyncTask<Answer<()>> {
        let session = self.session.clone();
        answer(move || session.reset())
    }

    /// Writes out what is stored, and lets go of what is cached.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn flush(&self) -> AsyncTask<Answer<()>> {
        let session = self.session.clone();
        answer(move || session.flush())
    }

    /// Refuses new tasks; the session is gone once its tasks are.
    #[napi]
    pub fn finish_tasks_and_invalidate(&self) -> napi::Result<()> {
        self.session.finish_tasks_and_invalidate().map_err(thrown)
    }

    /// Cancels every task, then the session is gone.
    #[napi]
    pub fn invalidate_and_cancel(&self) -> napi::Result<()> {
        self.session.invalidate_and_cancel().map_err(thrown)
    }

    fn task(&self, task: i64) -> Task {
        // Numbers begin at 1, so what is no number of a task finds none.
        self.session.task(TaskIdentifier(u64::try_from(task).unwrap_or(0)))
    }
}

fn take(attached: &Mutex<Option<Hold>>) -> Option<Hold> {
    attached.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Longest wait for everything to be durable.
const SYNC_LIMIT: Duration = Duration::from_secs(30);

/// A question that waits for the daemon on a thread of Node's pool.
pub struct Answer<T>(Option<Box<dyn FnOnce() -> Result<T, Error> + Send>>);

fn answer<T: Send>(ask: impl FnOnce() -> Result<T, Error> + Send + 'static) -> AsyncTask<Answer<T>>
where
    Answer<T>: napi::Task,
{
    AsyncTask::new(Answer(Some(Box::new(ask))))
}

impl<T> napi::Task for Answer<T>
where
    T: Send + napi::bindgen_prelude::ToNapiValue + napi::bindgen_prelude::TypeName + 'static,
{
    type Output = T;
    type JsValue = T;

    fn compute(&mut self) -> napi::Result<T> {
        let ask = self.0.take().expect("Node computes a task once");
        ask().map_err(thrown)
    }

    fn resolve(&mut self, _: Env, output: T) -> napi::Result<T> {
        Ok(output)
    }
}

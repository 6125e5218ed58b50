//! A session of JavaScript's: calls go down at once, events come up one at a time.

use crate::configuration::SessionOptions;
use crate::credential::{
    AuthenticationChallenge, ChallengeAnswer, Credential, StoredCredential, space,
};
use crate::error::thrown;
use crate::event::{SessionEvent, number};
use crate::task::{NewTask, TaskEdit, TaskListing};
use napi::bindgen_prelude::{AsyncTask, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use urlsession::{Daemon, Delivery, Error, Session, SessionKey, Task, TaskIdentifier};

/// Most calls of `onEvents` that wait for JavaScript. While one does, later events gather for the
/// next, and progress is merged.
const QUEUE_LIMIT: usize = 1;
/// Most events of one call.
const BATCH_LIMIT: usize = 256;

/// Calls `onEvents` without keeping the process alive; the JavaScript side decides about that.
type OnEvents =
    ThreadsafeFunction<Vec<SessionEvent>, (), Vec<SessionEvent>, Status, false, true, QUEUE_LIMIT>;

/// This process's hold on a session.
#[napi]
pub struct NativeSession {
    session: Session,
    unacknowledged: Arc<Unacknowledged>,
    /// What is given back when the JavaScript environment ends.
    attached: Arc<Mutex<Option<Session>>>,
}

#[napi]
impl NativeSession {
    /// Attaches the session, starting the daemon if none runs. Waits at most 30 s.
    #[napi(constructor)]
    pub fn new(
        env: Env,
        options: SessionOptions,
        on_events: Function<'_, Vec<SessionEvent>, ()>,
    ) -> napi::Result<Self> {
        let on_events: OnEvents = on_events
            .build_threadsafe_function()
            .weak::<true>()
            .callee_handled::<false>()
            .max_queue_size::<QUEUE_LIMIT>()
            .build()?;
        let session = Session::new(options.try_into().map_err(thrown)?).map_err(thrown)?;
        let unacknowledged = Arc::<Unacknowledged>::default();
        let (mut events, noted) = (session.events(), Arc::clone(&unacknowledged));
        std::thread::Builder::new().name("urlsession-events".to_owned()).spawn(move || {
            while let Some(first) = events.recv() {
                let mut batch = vec![SessionEvent::from(&first)];
                noted.note(first);
                while batch.len() < BATCH_LIMIT
                    && let Some(next) = events.try_recv()
                {
                    batch.push(SessionEvent::from(&next));
                    noted.note(next);
                }
                if on_events.call(batch, ThreadsafeFunctionCallMode::Blocking) != Status::Ok {
                    // The JavaScript side is gone; what it did not acknowledge stays owed.
                    break;
                }
            }
        })?;
        // A worker may end before its process does; another one can then have the session.
        let attached = Arc::new(Mutex::new(Some(session.clone())));
        env.add_env_cleanup_hook(Arc::clone(&attached), |attached| {
            if let Some(session) = take(&attached) {
                session.detach();
            }
        })?;
        Ok(Self { session, unacknowledged, attached })
    }

    /// Lets go of a session that is gone.
    #[napi]
    pub fn close(&self) {
        drop(take(&self.attached));
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
            let key: SessionKey = session.key().clone();
            let daemon = Daemon::connect(true)?;
            daemon.tasks(Some(key)).map(|status| status.map(TaskListing::from)).collect()
        })
    }

    /// Acknowledges kept events: they and their files are forgotten.
    #[napi]
    pub fn acknowledge(&self, event_numbers: Vec<i64>) {
        let take = |number| self.unacknowledged.take(number);
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

fn take(attached: &Mutex<Option<Session>>) -> Option<Session> {
    attached.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Longest wait for everything to be durable.
const SYNC_LIMIT: Duration = Duration::from_secs(30);

/// Kept events that JavaScript has not acknowledged, by their numbers.
#[derive(Default)]
struct Unacknowledged(Mutex<HashMap<i64, Delivery>>);

impl Unacknowledged {
    fn note(&self, delivery: Delivery) {
        if let Some(kept) = delivery.number {
            self.lock().insert(number(kept.0), delivery);
        }
    }

    fn take(&self, event_number: i64) -> Option<Delivery> {
        self.lock().remove(&event_number)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Delivery>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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

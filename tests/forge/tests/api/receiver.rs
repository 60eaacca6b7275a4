//! Somebody to whom deliveries are sent.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::StatusCode,
    web::{self, Bytes},
};

type Taken = (BTreeMap<String, String>, Bytes);

/// It keeps what it gets.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    status: Arc<AtomicU16>,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Receiver {
    /// Lives as long as the test's runtime.
    pub(crate) fn start() -> Self {
        let (status, taken) = (Arc::new(AtomicU16::new(202)), Arc::default());
        let mut receiver = Self { url: String::new(), status, taken };
        let shared = receiver.clone();
        let take = move |request: HttpRequest, body: Bytes| {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let headers = request.headers().iter();
            let headers =
                headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
            shared.taken.lock().unwrap().push((headers.collect(), body));
            let status = StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).unwrap();
            async move { HttpResponse::build(status).json(serde_json::json!({})) }
        };
        let server = HttpServer::new(move || App::new().default_service(web::to(take.clone())))
            .workers(1)
            .disable_signals()
            .bind("127.0.0.1:0")
            .unwrap();
        receiver.url = format!("http://{}/hook", server.addrs()[0]);
        actix_web::rt::spawn(server.run());
        receiver
    }

    /// What it answers from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Waits until it has got so many; all of them.
    pub(crate) async fn taken(&self, count: usize) -> Vec<Taken> {
        for _ in 0..500 {
            let taken = self.taken.lock().unwrap().clone();
            if taken.len() >= count {
                return taken;
            }
            actix_web::rt::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{} of {count} deliveries", self.taken.lock().unwrap().len())
    }
}

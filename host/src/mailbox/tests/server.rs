//! Connections: how many, and how they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::double::{Double, session};
use crate::mailbox::{Limits, serve};

async fn server(
    connections: usize,
    per_address: usize,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>, Arc<Double>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let double = Arc::new(Double::default());
    let drain = Duration::from_secs(30);
    let limits = Limits { connections, per_address, drain, session: session() };
    let task = tokio::spawn(serve(listener, limits, double.clone(), async {
        let _ = stopped.await;
    }));
    (at, stop, task, double)
}

async fn connect(at: SocketAddr) -> (BufReader<TcpStream>, String) {
    let mut stream = BufReader::new(TcpStream::connect(at).await.unwrap());
    let line = hears(&mut stream).await;
    (stream, line)
}

async fn hears(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    line
}

#[tokio::test]
async fn so_many_and_no_more() {
    for (connections, per_address) in [(2, 8), (8, 2)] {
        let (at, _stop, _task, _) = server(connections, per_address).await;
        let (one, hello) = connect(at).await;
        let (two, _) = connect(at).await;
        assert!(hello.starts_with("220 "), "{hello}");
        let (_, turned) = connect(at).await;
        assert!(turned.starts_with("421 4.7.0"), "{turned}");
        drop(one);
        // The place is free as soon as the server has noticed.
        loop {
            let (_open, hello) = connect(at).await;
            if hello.starts_with("220 ") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(two);
    }
}

#[tokio::test]
async fn it_stops_and_what_is_said_is_stored() {
    let (at, stop, task, double) = server(8, 8).await;
    let (mut idle, _) = connect(at).await;
    let (mut busy, _) = connect(at).await;
    let begin =
        b"EHLO x\r\nMAIL FROM:<a@shop.example>\r\nRCPT TO:<news@x.example>\r\nDATA\r\nhi\r\n";
    busy.get_mut().write_all(begin).await.unwrap();
    while !hears(&mut busy).await.starts_with("354") {}
    stop.send(()).unwrap();
    assert!(hears(&mut idle).await.starts_with("421 4.3.2"));
    assert!(!task.is_finished());
    busy.get_mut().write_all(b".\r\n").await.unwrap();
    assert!(hears(&mut busy).await.starts_with("250"));
    task.await.unwrap();
    assert_eq!(double.mails(), ["hi\r\n"]);
    assert!(TcpStream::connect(at).await.is_err());
}

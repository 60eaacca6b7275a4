//! The probe of the images: the program asks itself.

use std::{path::PathBuf, time::Duration};

use e2e::{binaries, ports, process::Spec, servers::Scratch, wait};

use super::installed::Installed;

const PATIENCE: Duration = Duration::from_secs(10);

fn probe(logs: &Scratch, program: &str, setting: &str, address: &str, args: &[&str]) -> Spec {
    let path: PathBuf = binaries::ours(program).unwrap();
    Spec::new(format!("{program}-health"), path, logs.path())
        .args(["health"])
        .args(args.iter().copied())
        .env(setting, address)
        // A backtrace would push the reason out of the few lines that an error quotes.
        .env("RUST_BACKTRACE", "0")
}

#[tokio::test]
async fn each_service_tells_by_its_exit_code_how_it_is() {
    let installed = Installed::start().await.unwrap();
    let logs = Scratch::new().unwrap();
    for (program, setting, address) in [
        ("ingress-svc", "LISTEN_ADDRESS", &installed.ingress),
        ("deployer-svc", "GRPC_ADDRESS", &installed.deployer),
    ] {
        for args in [&[][..], &["--ready"]] {
            let healthy = probe(&logs, program, setting, address, args);
            wait::until(program, PATIENCE, || async { healthy.run(PATIENCE).await.map(Some) })
                .await
                .unwrap();
        }
        let nobody = format!("127.0.0.1:{}", ports::free_port().unwrap());
        let error = probe(&logs, program, setting, &nobody, &[]).run(PATIENCE).await.unwrap_err();
        assert!(error.to_string().contains("does not answer"), "{error}");
    }
}

//! What each command says of itself.

use crate::{Ended, paas};

#[test]
fn each_command_says_how_it_is_used() {
    for command in [
        "",
        "deploys",
        "deploy",
        "deploy show",
        "deploy watch",
        "replay",
        "dead-letters",
        "dead-letters list",
        "dead-letters show",
        "dead-letters retry",
        "dead-letters discard",
    ] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let said = Ended::from(paas(&arguments).output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{command}");
        insta::assert_snapshot!(format!("paas {command}").trim().replace(' ', "-"), said.out);
    }
}

#[test]
fn the_help_says_nothing_of_what_is_set() {
    let mut help = paas(&["--help"]);
    let said = help.env("PAAS_URL", "https://secret.example.com").env("PAAS_TOKEN", crate::TOKEN);
    let said = Ended::from(said.output().unwrap());
    assert!(said.out.contains("PAAS_URL") && !said.out.contains("secret"), "{}", said.out);
}

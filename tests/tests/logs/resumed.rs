//! A timeline that is taken up again behind any of its lines.

use super::{Reader, Told, all, ask, platform};

#[tokio::test]
async fn a_timeline_goes_on_behind_any_line_without_loss_or_doubling() {
    let platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let mut push = app.push();
    for number in 1..=2 {
        let id = platform.accepted(&app, &push).await.unwrap();
        platform.live(id).await.unwrap();
        super::kept::complete(&platform, id).await;
        push = push.then(&number.to_string().repeat(40));
    }
    let lines = all(&platform, &app).await;
    assert!(lines.len() > 40, "{lines:#?}");
    let told = |lines: &[Told]| lines.iter().map(|line| line.line.clone()).collect::<Vec<_>>();
    for at in (0..lines.len()).step_by(3) {
        let query = format!("after={}", lines[at].id);
        let rest = Reader::open(&platform, &app, &query).await.into_lines().await;
        assert_eq!(told(&rest), told(&lines[at + 1..]), "behind line {at}: {}", lines[at].id);
    }

    // The header of a browser that comes back says the same, and what comes later follows.
    let path = format!("/v1/apps/{}/logs?after=junk", app.id);
    let answer = ask(&platform, &path, Some(&lines[lines.len() - 1].id)).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "");
}

#[tokio::test]
async fn a_follower_whose_connection_breaks_goes_on_where_it_was() {
    let mut platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let mut reader = Reader::open(&platform, &app, "follow=true").await;
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    let mut lines = reader.until(|line| line.source() == "build").await;
    platform.ingress[0].kill().await.unwrap();
    drop(reader);
    platform.start_ingresses().await.unwrap();
    let query = format!("follow=true&after={}", lines.last().unwrap().id);
    let mut reader = Reader::open(&platform, &app, &query).await;
    lines.extend(reader.until(|line| line.text() == "live as v1").await);
    platform.live(id).await.unwrap();
    let builds = super::of(&lines, "build");
    super::assert_whole(&builds, super::BURST);
    assert_eq!(super::of(&lines, "deploy").len(), 5, "{lines:#?}");
}

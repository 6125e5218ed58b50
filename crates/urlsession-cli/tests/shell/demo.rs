//! The demo is a test, too: it proves the promise or fails.

use crate::home::Home;

#[test]
fn the_story_is_true() {
    let ran = Home::new().run(&["demo"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.matches('✓').count(), 10, "{}", ran.out);
    assert!(ran.out.contains("did_finish_downloading, did_complete, did_finish_events"));
}

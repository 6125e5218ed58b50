//! Settings in the store: what comes back of them.

use super::*;
use std::num::NonZeroU64;
use urlsession_protocol::SpeedLimits;

#[test]
fn the_last_speed_limits_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let none = SpeedLimits::default();
    let most = SpeedLimits { download: NonZeroU64::new(u64::MAX), upload: NonZeroU64::new(1) };
    let upload = SpeedLimits { download: None, ..most };
    let mut expected = none;
    for limits in [most, upload, none] {
        let mut store = Store::open(&file).unwrap();
        assert_eq!(store.speed_limits().unwrap(), expected);
        let rows = Rows { speed_limits: Some(limits), ..Rows::default() };
        store.commit_turn(&[], &rows, &BTreeMap::new()).unwrap();
        expected = limits;
    }
    assert_eq!(Store::open(&file).unwrap().speed_limits().unwrap(), none);
}

#[test]
fn settings_that_mean_nothing_are_damage() {
    let store = Store::in_memory().unwrap();
    let sql = "INSERT INTO settings VALUES ('speed_limits', '{\"download\":0}')";
    store.connection.execute(sql, []).unwrap();
    assert!(matches!(store.speed_limits(), Err(StoreError::Damaged(_))));
}

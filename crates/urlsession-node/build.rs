//! Lets the addon's symbols be resolved by the process that loads it.

fn main() {
    napi_build::setup();
}

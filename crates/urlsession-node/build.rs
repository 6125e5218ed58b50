//! Lets the process that loads the addon resolve its symbols, and the macros write down its types.

fn main() {
    napi_build::setup();
    let folder = std::env::var("OUT_DIR").expect("cargo gives build scripts a folder");
    // Where the attribute `napi` leaves what `native.d.ts` is made of.
    println!("cargo::rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={folder}");
}

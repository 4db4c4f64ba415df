// As much of wit-bindgen's command line as `examples/c/build` calls, at the version of this repository:
// c_bindings c --world NAME --out-dir DIR WIT. For who would rather not install the whole of it.

#![allow(missing_docs, clippy::print_stdout)]

use std::error::Error;
use std::path::Path;

use wit_bindgen_core::Files;
use wit_parser::Resolve;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ["c", "--world", world, "--out-dir", out, wit] = words.as_slice() else {
        return Err("call it as: c_bindings c --world NAME --out-dir DIR WIT".into());
    };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some(world))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    std::fs::create_dir_all(out)?;
    for (name, bytes) in files.iter() {
        std::fs::write(Path::new(out).join(name), bytes)?;
    }
    Ok(())
}

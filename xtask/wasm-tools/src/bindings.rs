//! Creates the JavaScript bindings of a compiled artifact: `bindings FILE NAME FOLDER [renewable]`.
//!
//! A program apart from xtask, so that the first build of xtask stays short.

use std::env;

use anyhow::{Context as _, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (file, name, folder, is_renewable) = match &*args {
        [file, name, folder] => (file, name, folder, false),
        [file, name, folder, word] if word == "renewable" => (file, name, folder, true),
        _ => bail!("usage: bindings FILE NAME FOLDER [renewable]"),
    };
    Bindgen::new()
        .input_path(file)
        .out_name(name)
        .web(true)?
        .omit_default_module_path(true)
        .typescript(true)
        .reset_state_function(is_renewable)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)
        .with_context(|| format!("wasm-bindgen cannot read {file}"))
}

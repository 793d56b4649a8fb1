//! Access to test files, natively and in Node.js.

pub(crate) use imp::{exists, is_ci, list, read};

pub(crate) fn text(path: &str) -> String {
    String::from_utf8(read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[cfg(not(target_arch = "wasm32"))]
mod imp {
    use std::fs;
    use std::path::Path;

    pub(crate) fn exists(path: &str) -> bool {
        Path::new(path).exists()
    }

    pub(crate) fn read(path: &str) -> Vec<u8> {
        fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Returns the names of a folder's entries in order.
    pub(crate) fn list(path: &str) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn is_ci() -> bool {
        std::env::var_os("CI").is_some()
    }
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "wasm-bindgen writes the calls across the boundary")]
mod imp {
    use wasm_bindgen::prelude::wasm_bindgen;
    use wasm_bindgen::{JsCast as _, JsValue};

    #[wasm_bindgen(module = "node:fs")]
    extern "C" {
        #[wasm_bindgen(js_name = existsSync)]
        pub(crate) fn exists(path: &str) -> bool;
        #[wasm_bindgen(js_name = readFileSync)]
        fn read_file(path: &str) -> js_sys::Uint8Array;
        #[wasm_bindgen(js_name = readdirSync)]
        fn read_dir(path: &str) -> js_sys::Array;
    }

    pub(crate) fn read(path: &str) -> Vec<u8> {
        read_file(path).to_vec()
    }

    pub(crate) fn list(path: &str) -> Vec<String> {
        let mut names: Vec<String> = read_dir(path).iter().filter_map(|name| name.as_string()).collect();
        names.sort();
        names
    }

    pub(crate) fn is_ci() -> bool {
        let member = |object: &JsValue, name: &str| js_sys::Reflect::get(object, &name.into()).unwrap();
        let process = member(js_sys::global().unchecked_ref(), "process");
        member(&member(&process, "env"), "CI").as_string().is_some_and(|value| !value.is_empty())
    }
}

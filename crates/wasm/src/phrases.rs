//! Messages as data, for pages that translate them.

use countersign::error::Error;
use countersign::phrases::{Phrase, Value, find_each};
use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

/// Returns an object that maps each sentence's English text to its `{code, values}`.
pub(crate) fn to_js<'a>(phrases: impl Iterator<Item = (&'a str, Phrase)>) -> JsValue {
    let all = Object::new();
    for (english, Phrase { code, values }) in phrases {
        let filling = Object::new();
        for (name, value) in values {
            let value = match value {
                Value::Number(number) => JsValue::from(number as f64),
                Value::Text(text) => text.into(),
            };
            set(&filling, name, &value);
        }
        let phrase = Object::new();
        set(&phrase, "code", &code.into());
        set(&phrase, "values", &filling);
        set(&all, english, &phrase);
    }
    all.into()
}

/// Returns the phrases of an error's message and hint.
pub(crate) fn of_error(error: &Error) -> JsValue {
    to_js(find_each([Some(&*error.message), error.hint].into_iter().flatten()))
}

/// Sets a property of a new object, which can't fail.
fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}

//! Any bytes as the answer to a request for a list.
#![no_main]

#[path = "../../tests/suite/answers.rs"]
mod answers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| answers::take_apart(bytes));

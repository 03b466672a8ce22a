//! The protocol of a pair as a model; see `tests/protocol`. This library is empty:
//! nothing of the model can get into a program.

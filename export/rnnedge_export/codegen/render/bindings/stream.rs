@types float32=f32 int64=i64 int32=i32 bool=u8
@limits float32=f32::MIN..f32::MAX int64=i64::MIN..i64::MAX int32=i32::MIN..i32::MAX bool=0..1
@keywords Self as async await break const continue crate dyn else enum extern false fn for gen if impl in let loop match mod move mut pub ref return self static struct super trait true try type unsafe use where while yield abstract become box do final macro override priv typeof unsized virtual
//! A stream of ${name}, over the C in ${name}.c; written by rnnedge.
//!
//! Model ${digest}.
//! A call takes ${call}${rate}. Needs no allocation and no standard library; link it with ${name}.c.
#![no_std]
#![allow(non_snake_case)]

use core::ffi::c_void;

/// Room for the C struct of a stream.
const BYTES: usize = ${bytes};

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The C was compiled from another model, or for another processor than this file expects.
    Size,
    /// A number that the network does not take, or that is none; nothing has changed.
    Number,
    /// A number names no row of its table; so says every call until the stream is reset.
    Row,
}

impl core::fmt::Display for Error {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        to.write_str(match self {
            Error::Size => "${name}: the C of another model; compile both again",
            Error::Number => "${name}: a number that the network does not take, or that is none",
            Error::Row => "${name}: a number names no row of its table; reset the stream",
        })
    }
}

impl core::error::Error for Error {}

/// Frames of one call.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
@inputs     /// ${said}
@inputs     pub ${id}: [${type}; ${size}],
}

/// What one call gives.
#[derive(Clone, Copy, Debug)]
pub struct Outputs {
@outputs     /// ${said}
@outputs     pub ${id}: [${type}; ${size}],
@frames     /// How many frames of `${id}`, counted from its end, belong to the sequence: ${frames} after the first calls.
@frames     pub ${id}_frames: usize,
}

@labels /// ${of_labels}
@labels pub const LABELS: [&str; ${count}] = [${labels}];
@labels
#[repr(C, align(64))]
struct Memory([u8; BYTES]);

extern "C" {
    fn ${name}_bytes() -> usize;
@static     fn ${name}_init(stream: *mut c_void);
@blob     fn ${name}_init(stream: *mut c_void, weights: *const c_void);
    fn ${name}_reset(stream: *mut c_void);
@contexts     fn ${name}_set_${id}(stream: *mut c_void, value: *const ${type});
@refuses     fn ${name}_refused(stream: *const c_void) -> i32;
    fn ${name}_step(
        stream: *mut c_void,
@inputs         ${id}: *const ${type},
@masks         ${id}: *const u8,
@lasts         ${id}: *const i64,
@outputs         ${id}: *mut ${type},
    );
}

/// One sequence in progress. It owns its state, and may be moved.
pub struct Stream {
    memory: Memory,
    calls: i64,
}

impl Stream {
@static     /// A sequence at its beginning.
@static     pub fn new() -> Result<Self, Error> {
@blob     /// A sequence at its beginning; `weights`: the bytes of ${name}.weights, aligned to 64 bytes.
@blob     pub fn new(weights: &'static [u8]) -> Result<Self, Error> {
        // SAFETY: the function reads nothing.
        if unsafe { ${name}_bytes() } > BYTES {
            return Err(Error::Size);
        }
        let mut stream = Stream { memory: Memory([0; BYTES]), calls: 0 };
        // SAFETY: the memory is as large and as aligned as the C struct, which has no pointer into itself.
@static         unsafe { ${name}_init(stream.at()) };
@blob         unsafe { ${name}_init(stream.at(), weights.as_ptr().cast()) };
        Ok(stream)
    }

    /// Begin another sequence.
    pub fn reset(&mut self) {
        // SAFETY: `new` has initialized the struct.
        unsafe { ${name}_reset(self.at()) };
        self.calls = 0;
    }

@contexts     /// Change ${said}, a value per sequence, which `reset` keeps.
@contexts     /// Not for ${other}.
@contexts     pub fn set_${id}(&mut self, value: &[${type}; ${size}]) -> Result<(), Error> {
@contexts         check(value, ${low}, ${high})?;
@contexts         // SAFETY: as in `reset`.
@contexts         unsafe { ${name}_set_${id}(self.at(), value.as_ptr()) };
@contexts         Ok(())
@contexts     }
@contexts
    /// Take the frames of one call.
@inputs     /// Not with ${other} in `${id}`.
    pub fn push(&mut self, inputs: &Inputs) -> Result<Outputs, Error> {
@inputs         check(&inputs.${id}, ${low}, ${high})?;
        let mut found = Outputs {
@outputs             ${id}: [${zero}; ${size}],
@frames             ${id}_frames: 0,
        };
@masks         let ${id}: [u8; ${frames}] = core::array::from_fn(|k| u8::from(self.calls * ${frames} - ${delay} + k as i64 >= 0));
@lasts         let ${id}: i64 = ${frames} - 1;
        // SAFETY: every array has the size that ${name}.h says.
        unsafe {
            ${name}_step(
                self.at(),
@inputs                 inputs.${id}.as_ptr(),
@masks                 ${id}.as_ptr(),
@lasts                 &${id},
@outputs                 found.${id}.as_mut_ptr(),
            );
        }
@refuses         // SAFETY: as above.
@refuses         if unsafe { ${name}_refused(self.at()) } != 0 {
@refuses             return Err(Error::Row);
@refuses         }
        self.calls += 1;
@frames         found.${id}_frames = (self.calls * ${frames} - ${delay}).clamp(0, ${frames}) as usize;
        Ok(found)
    }

    fn at(&mut self) -> *mut c_void {
        self.memory.0.as_mut_ptr().cast()
    }
}

/// Whether all are numbers from the least to the largest one; a NaN is not.
fn check<Number: PartialOrd + Copy>(numbers: &[Number], low: Number, high: Number) -> Result<(), Error> {
    match numbers.iter().all(|number| *number >= low && *number <= high) {
        true => Ok(()),
        false => Err(Error::Number),
    }
}

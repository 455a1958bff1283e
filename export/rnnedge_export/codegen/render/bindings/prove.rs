// Do what in.bin says with two streams, and write what they give to out.bin.
#![allow(non_snake_case, unused)]
use std::io::Read;

use binding::{Error, Inputs, Stream};

fn read<N: Copy, const COUNT: usize>(from: &mut &[u8], to: &mut [N; COUNT]) {
    // SAFETY: numbers have no padding, and are any bytes.
    let bytes = unsafe { std::slice::from_raw_parts_mut(to.as_mut_ptr().cast::<u8>(), std::mem::size_of_val(to)) };
    from.read_exact(bytes).unwrap();
}

fn write<N: Copy>(to: &mut Vec<u8>, from: &[N]) {
    // SAFETY: as above.
    to.extend_from_slice(unsafe { std::slice::from_raw_parts(from.as_ptr().cast::<u8>(), std::mem::size_of_val(from)) });
}

fn push(stream: &mut Stream, from: &mut &[u8], to: &mut Vec<u8>) -> Result<(), Error> {
    let mut given = Inputs {
@inputs         ${id}: [${zero}; ${size}],
    };
@inputs     read(from, &mut given.${id});
    let found = stream.push(&given)?;
    to.push(0);
@outputs     write(to, &found.${id});
@frames     write(to, &[found.${id}_frames as i64]);
    Ok(())
}

fn set(stream: &mut Stream, from: &mut &[u8], to: &mut Vec<u8>) -> Result<(), Error> {
@contexts     let mut value_${id}: [${type}; ${size}] = [Default::default(); ${size}];
@contexts     read(from, &mut value_${id});
    // All are read before one is refused.
@contexts     stream.set_${id}(&value_${id})?;
    to.push(0);
    Ok(())
}

@blob #[derive(Clone, Copy)]
@blob #[repr(align(64))]
@blob struct Line([u8; 64]);

fn main() {
    let data = std::fs::read("in.bin").unwrap();
    let (mut from, mut to) = (&data[..], Vec::new());
@blob     let raw = std::fs::read("weights.bin").unwrap();
@blob     let lines = Box::leak(vec![Line([0; 64]); raw.len() / 64 + 1].into_boxed_slice());
@blob     // SAFETY: lines are bytes.
@blob     let weights = unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<u8>(), raw.len()) };
@blob     weights.copy_from_slice(&raw);
@blob     let mut streams = [Stream::new(weights).unwrap(), Stream::new(weights).unwrap()];
@static     let mut streams = [Stream::new().unwrap(), Stream::new().unwrap()];
    while let [what, which, rest @ ..] = from {
        let stream = &mut streams[*which as usize];
        from = rest;
        let done = match what {
            b'r' => Ok(stream.reset()),
            b'c' => set(stream, &mut from, &mut to),
            _ => push(stream, &mut from, &mut to),
        };
        if done.is_err() {
            to.push(1);
        }
    }
    std::fs::write("out.bin", to).unwrap();
}

// Push the frames of in.bin, reset and do so again, and write the outputs that belong to the sequence to out.bin.
use std::io::Write;

// The test says what a number is, `Number`, and how many there are in a call, `SIZE`.
include!("call.rs");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::fs::read("in.bin")?;
    let mut out = std::fs::File::create("out.bin")?;
    let mut stream = net::Stream::new()?;
    for _ in 0..2 {
        let mut given = net::Inputs { x: [Default::default(); SIZE] };
        for frames in bytes.chunks_exact(std::mem::size_of_val(&given.x)) {
            for (to, from) in given.x.iter_mut().zip(frames.chunks_exact(frames.len() / SIZE)) {
                *to = Number::from_le_bytes(from.try_into()?);
            }
            match stream.push(&given) {
                Ok(found) if found.y_frames > 0 => found.y.iter().try_for_each(|y| out.write_all(&y.to_le_bytes()))?,
                Ok(_) => {}
                Err(error) => println!("{error}"),
            }
        }
        stream.reset();
    }
    Ok(())
}

// Push the frames of in.bin, reset and do so again, and write the outputs that belong to the sequence to out.bin.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"example.com/net"
)

func main() {
	in, err := os.ReadFile("in.bin")
	if err != nil {
		panic(err)
	}
	var out bytes.Buffer
	stream := net.NewStream()
	for round := 0; round < 2; round++ {
		frames := bytes.NewReader(in)
		var given net.Inputs
		for binary.Read(frames, binary.LittleEndian, &given.X) == nil {
			found, err := stream.Push(&given)
			if err != nil {
				fmt.Println(err)
			} else if found.YFrames > 0 {
				binary.Write(&out, binary.LittleEndian, found.Y)
			}
		}
		stream.Reset()
	}
	if os.WriteFile("out.bin", out.Bytes(), 0o644) != nil {
		panic("out.bin")
	}
}

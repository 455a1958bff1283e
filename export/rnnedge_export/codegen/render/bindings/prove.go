// Do what in.bin says with two streams, and write what they give to out.bin.
package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"unsafe"

	binding "example.com/prove/binding"
)

var in *bytes.Reader
var out bytes.Buffer

func read(to interface{}) {
	if err := binary.Read(in, binary.LittleEndian, to); err != nil {
		panic(err)
	}
}

func write(from interface{}) {
	if err := binary.Write(&out, binary.LittleEndian, from); err != nil {
		panic(err)
	}
}

func push(stream *binding.Stream) error {
	var given binding.Inputs
@inputs 	read(&given.${Id})
	found, err := stream.Push(&given)
	if err != nil {
		return err
	}
	out.WriteByte(0)
@outputs 	write(found.${Id})
@frames 	write(int64(found.${Id}Frames))
	return nil
}

func set(stream *binding.Stream) error {
@contexts 	var ${id}Value [${size}]${type}
@contexts 	read(&${id}Value)
	// All are read before one is refused.
@contexts 	if err := stream.Set${Id}(&${id}Value); err != nil {
@contexts 		return err
@contexts 	}
	out.WriteByte(0)
	return nil
}

func main() {
	data, err := os.ReadFile("in.bin")
	if err != nil {
		panic(err)
	}
	in = bytes.NewReader(data)
	var weights unsafe.Pointer
	_ = weights
@blob 	raw, err := os.ReadFile("weights.bin")
@blob 	if err != nil {
@blob 		panic(err)
@blob 	}
@blob 	room := make([]byte, len(raw)+64)
@blob 	skip := -uintptr(unsafe.Pointer(&room[0])) & 63
@blob 	copy(room[skip:], raw)
@blob 	weights = unsafe.Pointer(&room[skip])
@blob 	streams := []*binding.Stream{binding.NewStream(weights), binding.NewStream(weights)}
@static 	streams := []*binding.Stream{binding.NewStream(), binding.NewStream()}
	for in.Len() > 0 {
		what, _ := in.ReadByte()
		which, _ := in.ReadByte()
		var err error
		switch what {
		case 'r':
			streams[which].Reset()
		case 'c':
			err = set(streams[which])
		default:
			err = push(streams[which])
		}
		if err != nil {
			out.WriteByte(1)
		}
	}
	if err := os.WriteFile("out.bin", out.Bytes(), 0o644); err != nil {
		panic(err)
	}
}

@types float32=float32 int64=int64 int32=int32 bool=uint8
@limits float32=-0x1.fffffep127..0x1.fffffep127 int64=-1<<63..1<<63-1 int32=-1<<31..1<<31-1 bool=0..1
@keywords _
// Package ${package} has a stream of ${name}, over the C in ${name}.c; written by rnnedge.
//
// Model ${digest}.
// A call takes ${call}${rate}. Put ${name}.c and ${name}.h into the folder of the package: cgo compiles them.
package ${package}

/*
#cgo CFLAGS: -O3 -std=gnu99
#cgo LDFLAGS: -lm
#include "${name}.h"
*/
import "C"

import (
	"errors"
	"unsafe"
)

// ErrNumber says that a number is none, or one that the network does not take; nothing has changed.
var ErrNumber = errors.New("${name}: a number that the network does not take, or that is none")

// ErrRow says that a number names no row of its table, as every call does until the stream is reset.
var ErrRow = errors.New("${name}: a number names no row of its table; reset the stream")

// Inputs are the frames of one call.
type Inputs struct {
@inputs 	// ${Id}: ${said}
@inputs 	${Id} [${size}]${type}
}

// Outputs are what one call gives.
type Outputs struct {
@outputs 	// ${Id}: ${said}
@outputs 	${Id} [${size}]${type}
@frames 	// ${Id}Frames counts, from the end of ${Id}, the frames that belong to the sequence: ${frames} after the first calls.
@frames 	${Id}Frames int
}

@labels // Labels: ${of_labels}
@labels var Labels = [...]string{${labels}}
@labels
// Stream is one sequence in progress. One goroutine uses it at a time.
type Stream struct {
	memory []byte
	at     *C.${name}
	calls  int64
}

const alignment = 64

@static // NewStream makes a sequence at its beginning.
@static func NewStream() *Stream {
@blob // NewStream makes a sequence at its beginning. The weights, the bytes of ${name}.weights, are memory of C, aligned to 64
@blob // bytes, which outlives the stream.
@blob func NewStream(weights unsafe.Pointer) *Stream {
	// Memory of Go does not move.
	memory := make([]byte, int(C.${name}_bytes())+alignment)
	skip := -uintptr(unsafe.Pointer(&memory[0])) & (alignment - 1)
	stream := &Stream{memory: memory, at: (*C.${name})(unsafe.Pointer(&memory[skip]))}
@static 	C.${name}_init(stream.at)
@blob 	C.${name}_init(stream.at, weights)
	return stream
}

// Reset begins another sequence.
func (s *Stream) Reset() {
	C.${name}_reset(s.at)
	s.calls = 0
}

@contexts // Set${Id} changes ${said}, a value per sequence, which Reset keeps; not for ${other}.
@contexts func (s *Stream) Set${Id}(value *[${size}]${type}) error {
@contexts 	if !within(value[:], ${low}, ${high}) {
@contexts 		return ErrNumber
@contexts 	}
@contexts 	C.${name}_set_${id}(s.at, (*C.${c})(unsafe.Pointer(&value[0])))
@contexts 	return nil
@contexts }
@contexts
// Push takes the frames of one call.
func (s *Stream) Push(inputs *Inputs) (found Outputs, err error) {
@inputs 	// Not with ${other} in ${Id}.
@inputs 	if !within(inputs.${Id}[:], ${low}, ${high}) {
@inputs 		return Outputs{}, ErrNumber
@inputs 	}
@masks 	var ${id} [${frames}]uint8
@masks 	for k := range ${id} {
@masks 		if s.calls*${frames}-${delay}+int64(k) >= 0 {
@masks 			${id}[k] = 1
@masks 		}
@masks 	}
@lasts 	${id} := [1]int64{${frames} - 1}
	C.${name}_step(
		s.at,
@inputs 		(*C.${c})(unsafe.Pointer(&inputs.${Id}[0])),
@cursors 		(*C.${c})(unsafe.Pointer(&${id}[0])),
@outputs 		(*C.${c})(unsafe.Pointer(&found.${Id}[0])),
	)
@refuses 	if C.${name}_refused(s.at) != 0 {
@refuses 		return Outputs{}, ErrRow
@refuses 	}
	s.calls++
@frames 	found.${Id}Frames = belonging(s.calls*${frames}-${delay}, ${frames})
	return found, nil
}

@anyframes // belonging counts the frames of a call that came since the first one of the sequence.
@anyframes func belonging(since, frames int64) int {
@anyframes 	switch {
@anyframes 	case since < 0:
@anyframes 		return 0
@anyframes 	case since < frames:
@anyframes 		return int(since)
@anyframes 	}
@anyframes 	return int(frames)
@anyframes }
@anyframes
// within says whether all are numbers from the least to the largest one; a NaN is not.
func within[T float32 | int64 | int32 | uint8](numbers []T, low, high T) bool {
	for _, number := range numbers {
		if !(number >= low && number <= high) {
			return false
		}
	}
	return true
}

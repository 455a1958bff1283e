@types float32=float32 int64=int64 int32=int32 bool=uint8
@keywords _
// Package ${package} has a stream of ${name}, over the C in ${name}.c; written by rnnedge.
//
// Model ${digest}.
// A call takes ${call}${rate}. Put ${name}.c and ${name}.h into the folder of the package: cgo compiles them.
package ${package}

/*
#cgo CFLAGS: -O3 -std=gnu99
#include "${name}.h"
*/
import "C"

import (
	"errors"
	"unsafe"
)

// ErrRow says that a number names no row of its table; reset the stream.
var ErrRow = errors.New("${name}: a number names no row of its table")

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

@contexts // Set${Id} changes ${said}, a value per sequence, which Reset keeps.
@contexts func (s *Stream) Set${Id}(value *[${size}]${type}) {
@contexts 	C.${name}_set_${id}(s.at, (*C.${c})(unsafe.Pointer(&value[0])))
@contexts }
@contexts
// Push takes the frames of one call.
func (s *Stream) Push(inputs *Inputs) (found Outputs, err error) {
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
@frames 	found.${Id}Frames = int(min(max(s.calls*${frames}-${delay}, 0), ${frames}))
	return found, nil
}

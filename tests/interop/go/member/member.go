// Package member is what the members of a group have in common, whatever client they are written
// with: their arguments, and the lines by which they tell what they own and what they have read.
package member

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Options are `name=value` arguments; see languages.py for their names.
type Options map[string]string

func ParseOptions(arguments []string) Options {
	options := Options{}
	for _, argument := range arguments {
		name, value, found := strings.Cut(argument, "=")
		if !found {
			panic("not an option: " + argument)
		}
		options[name] = value
	}
	return options
}

// Stopped is closed when the program is asked to leave in order.
func Stopped() <-chan os.Signal {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	return asked
}

// Report prints. Its methods may be called from anywhere.
type Report struct {
	mutex sync.Mutex
	owned []int32
}

func (r *Report) Gained(partitions ...int32) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.owned = append(r.owned, partitions...)
	slices.Sort(r.owned)
	r.show()
}

func (r *Report) Lost(partitions ...int32) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.owned = slices.DeleteFunc(r.owned, func(p int32) bool { return slices.Contains(partitions, p) })
	r.show()
}

func (r *Report) show() {
	fmt.Print("+")
	for _, partition := range r.owned {
		fmt.Print(" ", partition)
	}
	fmt.Println()
}

func (r *Report) Read(partition int32, offset int64, value []byte) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	fmt.Println(partition, offset, string(value))
}

package weakbus

import (
	"errors"
	"slices"
	"sync"
)

var (
	// ErrNoReply reports that nobody replied to a request. Test for it with errors.Is.
	ErrNoReply = errors.New("weakbus: nobody replied")
	// ErrManyReplies reports that more than one handler replied to a request that takes one
	// answer. Test for it with errors.Is.
	ErrManyReplies = errors.New("weakbus: more than one reply")
)

// Request collects the answers of handlers. Embed it in an event that is published by pointer:
//
//	type Veto struct {
//		weakbus.Request[string]
//		Document *Document
//	}
//
// The answers are there when Publish returns, except those of subscribers with Async or Via.
// The zero value is ready to use. Its methods are safe for concurrent use.
type Request[R any] struct {
	mu      sync.Mutex
	replies []R
}

// Reply adds an answer. A handler may give several.
func (r *Request[R]) Reply(answer R) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replies = append(r.replies, answer)
}

// Replies returns the answers so far, in the order in which they were given.
func (r *Request[R]) Replies() []R {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.replies)
}

// One returns the only answer. It returns ErrNoReply if there is none, and the first one with
// ErrManyReplies if there are several.
func (r *Request[R]) One() (answer R, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch len(r.replies) {
	case 0:
		return answer, ErrNoReply
	case 1:
		return r.replies[0], nil
	default:
		return r.replies[0], ErrManyReplies
	}
}

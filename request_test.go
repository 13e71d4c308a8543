package weakbus_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weakbus/weakbus"
)

type veto struct {
	weakbus.Request[string]
	document string
}

func TestRequest_CollectsAnswers(t *testing.T) {
	bus := weakbus.New()
	ask := func() *veto {
		v := &veto{document: "report"}
		weakbus.Publish(bus, v)
		return v
	}
	_, err := ask().One()
	assert.ErrorIs(t, err, weakbus.ErrNoReply)
	assert.Empty(t, ask().Replies())

	weakbus.SubscribeFunc(bus, bus.Scope(), func(v *veto) { v.Reply("no: " + v.document) })
	answer, err := ask().One()
	require.NoError(t, err)
	assert.Equal(t, "no: report", answer)

	weakbus.SubscribeFunc(bus, bus.Scope(), func(v *veto) { v.Reply("yes") }, weakbus.Priority(1))
	v := ask()
	answer, err = v.One()
	assert.ErrorIs(t, err, weakbus.ErrManyReplies)
	assert.Equal(t, "yes", answer)
	replies := v.Replies()
	assert.Equal(t, []string{"yes", "no: report"}, replies)
	replies[0] = "changed"
	assert.Equal(t, "yes", v.Replies()[0], "the answers are the caller's own copy")
}

func TestRequest_ConcurrentReplies(t *testing.T) {
	var v veto
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { v.Reply("x") })
	}
	wg.Wait()
	assert.Len(t, v.Replies(), 8)
}

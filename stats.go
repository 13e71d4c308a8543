package weakbus

// Stats is a picture of a bus for diagnosis.
type Stats struct {
	// Topics are those that the bus has, in the order in which they came; a topic's keyed
	// sub-topics follow it, in no particular order.
	Topics []TopicStats
}

// TopicStats is a picture of a topic.
type TopicStats struct {
	TopicInfo
	// Live is the number of live subscriptions, paused ones included.
	Live int
	// Retains says that the topic keeps its last event.
	Retains bool
	// Ended counts the subscriptions that have ended, by cause. The counts of a keyed
	// sub-topic begin anew when it had no subscribers for a while.
	Ended map[State]int
	// Subscriptions are the live ones, in the order of delivery.
	Subscriptions []SubscriptionStats
}

// SubscriptionStats is a picture of a subscription.
type SubscriptionStats struct {
	SubscriptionInfo
	// State is Active or Paused.
	State State
	// Heard says whether the subscriber has been called. It is known only on a bus with a
	// Trace or a logger.
	Heard bool
	// Waiting and Dropped are the numbers of events that wait in the mailbox of Async, and that
	// it has dropped.
	Waiting, Dropped int
}

// Stats returns a picture of the bus. It walks all subscriptions, removes those whose receiver
// it finds collected, and is not meant for a frame or a hot path. Topics change meanwhile:
// each is seen at some moment during the call, not all at the same.
func (b *Bus) Stats() Stats {
	var s Stats
	for _, t := range b.topics.Load().all {
		t.stats(&s.Topics)
	}
	return s
}

func (t *Topic[E]) stats(report *[]TopicStats) {
	t.prune()
	s := TopicStats{TopicInfo: t.info(), Retains: t.kept.Load() != nil, Ended: map[State]int{}}
	l := t.head.Load()
	if l == nil && t.sub != nil && !s.Retains {
		return // it has just been let go of
	}
	if l != nil {
		for k, c := range l.chunks {
			for i := range l.upTo(k) {
				if sub := c.sub(i).stats(); sub.State == Active || sub.State == Paused {
					sub.Topic, sub.Label, sub.Priority = s.TopicInfo, c.label(i), c.priority()
					s.Subscriptions = append(s.Subscriptions, sub)
				}
			}
		}
	}
	s.Live = len(s.Subscriptions)
	if t.everSubscribed() {
		for i := range t.origin.causes {
			if n := t.origin.causes[i].Load(); n > 0 {
				s.Ended[Cancelled+State(i)] = int(n)
			}
		}
	}
	*report = append(*report, s)
	if ks := t.keys.Load(); ks != nil {
		ks.each(func(sub *Topic[E]) { sub.stats(report) })
	}
}

// everSubscribed reports whether the topic has an origin, and makes it safe to read.
func (t *Topic[E]) everSubscribed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.origin != nil
}

// stats returns what the subscription knows of itself.
func (s *Subscription) stats() SubscriptionStats {
	st := SubscriptionStats{State: s.State()}
	st.Receiver = s.anchor.receiver()
	receiver := s.anchor
	if r, ok := s.anchor.(*rigged); ok {
		receiver = r.anchor
		if r.record != nil {
			st.Site, st.Heard = r.record.info.Site, r.record.heard.Load()
		}
		if r.handler != nil {
			st.Waiting, st.Dropped = r.handler.backlog()
		}
	}
	if loop, ok := receiver.(interface{ backlog() (waiting, dropped int) }); ok { // see Events
		st.Waiting, st.Dropped = loop.backlog()
	}
	return st
}

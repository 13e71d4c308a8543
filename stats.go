package weakbus

import "time"

// Stats is a picture of a bus for diagnosis.
type Stats struct {
	// Topics are those that the bus has, in the order in which they came; a topic's keyed
	// sub-topics follow it, in no particular order.
	Topics []TopicStats
	// Queues are those of the bus, in the order in which they were made.
	Queues []QueueStats
	// Running are the handlers that are running now, the first to begin first. They are known only
	// while the bus is observed, or with WithSites.
	Running []RunningStats
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
	// Published counts the events that were published to the topic, Heard those of them that at
	// least one handler ran for, and Dropped the events that mailboxes and queues dropped. What is
	// published to a keyed sub-topic counts there, for as long as that has subscribers, and for the topic
	// itself. They are counted only while the bus is observed, or has a logger or WithSites.
	Published, Heard, Dropped int
	// Subscriptions are the live ones, in the order of delivery.
	Subscriptions []SubscriptionStats
}

// SubscriptionStats is a picture of a subscription.
type SubscriptionStats struct {
	SubscriptionInfo
	// State is Active or Paused.
	State State
	// Waiting and Dropped are the numbers of events that wait in the mailbox of Async or for the
	// turn of the subscription in that of Through, and that were dropped there.
	Waiting, Dropped int
	// Replaced is the number of events that Coalesce, Debounce or Throttle replaced by newer ones.
	Replaced int
}

// QueueStats is a picture of a queue.
type QueueStats struct {
	// Label is what QueueLabel said.
	Label string
	// Waiting is the number of events that wait, Capacity how many may, and Dropped how many were
	// dropped so far.
	Waiting, Capacity, Dropped int
}

// RunningStats is a handler that is running.
type RunningStats struct {
	// Subscription is whose handler it is.
	Subscription SubscriptionInfo
	// Since is when it was called.
	Since time.Time
}

// Stats returns a picture of the bus. It walks all subscriptions, removes those whose receiver
// it finds collected, and is not meant for a frame or a hot path. Topics change meanwhile:
// each is seen at some moment during the call, not all at the same.
func (b *Bus) Stats() Stats {
	var s Stats
	from := b.ready("Stats").core.Stats()
	for _, t := range from.Topics {
		ts := TopicStats{
			TopicInfo: TopicInfo(t.TopicInfo), Live: len(t.Subscriptions), Retains: t.Retains, Ended: make(map[State]int, len(t.Ended)),
			Published: t.Published, Heard: t.Heard, Dropped: t.Dropped,
		}
		for state, n := range t.Ended {
			ts.Ended[State(state)] = n
		}
		for _, sub := range t.Subscriptions {
			ts.Subscriptions = append(ts.Subscriptions, SubscriptionStats{
				SubscriptionInfo: subscriptionInfo(sub.Info), State: State(sub.State),
				Waiting: sub.Waiting, Dropped: sub.Dropped, Replaced: sub.Replaced,
			})
		}
		s.Topics = append(s.Topics, ts)
	}
	for _, q := range from.Queues {
		s.Queues = append(s.Queues, QueueStats(q))
	}
	for _, r := range from.Running {
		s.Running = append(s.Running, RunningStats{subscriptionInfo(r.Subscription), r.Since})
	}
	return s
}

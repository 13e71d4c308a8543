package weakbusdebug

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/weakbus/weakbus"
)

// picture is what the page and stats.json show of the bus at one moment. Times are in microseconds since
// 1970, durations in nanoseconds.
type picture struct {
	At       int64 `json:"at"`
	Observed bool  `json:"observed"` // what is counted is being counted
	Totals   struct {
		Topics        int     `json:"topics"`
		Subscriptions int     `json:"subscriptions"`
		PerSecond     float64 `json:"perSecond"`
		Published     int     `json:"published"`
		Unheard       int64   `json:"unheard"`
		Waiting       int     `json:"waiting"`
		Dropped       int     `json:"dropped"`
		Panics        int64   `json:"panics"`
		Errors        int64   `json:"errors"`
		Early         int     `json:"collectedUnheard"`
	} `json:"totals"`
	Topics    []topicPicture   `json:"topics"`
	Left      int              `json:"topicsLeftOut,omitempty"`
	Queues    []queuePicture   `json:"queues"`
	Mailboxes []mailboxPicture `json:"mailboxes"`
	Running   []runningPicture `json:"running"`
	Early     []earlyPicture   `json:"collectedUnheard"`
}

type topicPicture struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Package   string         `json:"package,omitempty"`
	Fields    string         `json:"fields,omitempty"`
	Keyed     bool           `json:"keyed,omitempty"`
	Retains   bool           `json:"retains,omitempty"`
	Live      int            `json:"live"`
	Published int            `json:"published"`
	Heard     int            `json:"heard"`
	Dropped   int            `json:"dropped"`
	PerSecond float64        `json:"perSecond"`
	Seconds   []int          `json:"lastSeconds,omitempty"` // how many were published in each, the latest last
	Timed     int64          `json:"timed"`                 // publishes that the page has seen: the next four are of those
	Receivers float64        `json:"receiversPerEvent"`
	Mean      int64          `json:"mean"`
	Slowest   int64          `json:"slowest"`
	Unheard   int64          `json:"unheard"`
	Panics    int64          `json:"panics"`
	Errors    int64          `json:"errors"`
	Unwritten int64          `json:"notWrittenOut"`
	Early     int64          `json:"collectedUnheard"`
	Ended     map[string]int `json:"ended"`

	Subscriptions []subscriptionPicture `json:"subscriptions,omitzero"`
	Left          int                   `json:"subscriptionsLeftOut,omitempty"`
}

type subscriptionPicture struct {
	Receiver string `json:"receiver"`
	Label    string `json:"label,omitempty"`
	Priority int    `json:"priority"`
	State    string `json:"state"`
	Waiting  int    `json:"waiting"`
	Dropped  int    `json:"dropped"`
	Replaced int    `json:"replaced"`
	Heard    string `json:"heard"` // yes, no or unknown
	Site     string `json:"site,omitempty"`
}

type queuePicture struct {
	Label    string `json:"label"`
	Waiting  int    `json:"waiting"`
	Capacity int    `json:"capacity"`
	Dropped  int    `json:"dropped"`
}

// mailboxPicture is a subscription with something in its mailbox, or that has dropped or replaced some.
type mailboxPicture struct {
	Topic    string `json:"topic"`
	Receiver string `json:"receiver"`
	Label    string `json:"label,omitempty"`
	Waiting  int    `json:"waiting"`
	Dropped  int    `json:"dropped"`
	Replaced int    `json:"replaced"`
}

type runningPicture struct {
	Topic    string `json:"topic"`
	Receiver string `json:"receiver"`
	Label    string `json:"label,omitempty"`
	Site     string `json:"site,omitempty"`
	Since    int64  `json:"since"`
	For      int64  `json:"for"`
}

type earlyPicture struct {
	Topic    string `json:"topic"`
	Receiver string `json:"receiver"`
	Label    string `json:"label,omitempty"`
	Site     string `json:"site"`
	Times    int    `json:"times"`
}

// bounds is how much of each is shown.
type bounds struct {
	topics, keys, rows, subscriptions int
}

const all = int(^uint(0) >> 1)

var (
	forPage    = bounds{topics: 300, keys: 30, rows: 50}
	forTopic   = bounds{subscriptions: 300}
	everything = bounds{all, all, all, all}
)

// picture returns a picture of the bus.
func (p *Page) picture(s *weakbus.Stats, at time.Time, most bounds) *picture {
	pic := &picture{At: at.UnixMicro(), Observed: p.observing(), Topics: []topicPicture{}}
	keys := 0
	for i := range s.Topics {
		t := &s.Topics[i]
		if t.Keys == nil {
			keys = 0
		} else {
			keys++
		}
		pic.count(p.rec, t, at)
		if len(pic.Topics) >= most.topics || keys > most.keys {
			pic.Left++
			continue
		}
		pic.Topics = append(pic.Topics, p.rec.picture(t, at, most))
	}
	pic.Mailboxes = mailboxes(s, most.rows)
	pic.Queues = []queuePicture{}
	for _, q := range s.Queues {
		pic.Totals.Waiting += q.Waiting
		if len(pic.Queues) < most.rows {
			pic.Queues = append(pic.Queues, queuePicture(q))
		}
	}
	pic.Running = []runningPicture{}
	for _, r := range s.Running[:min(len(s.Running), most.rows)] {
		pic.Running = append(pic.Running, runningPicture{
			r.Subscription.Topic.String(), r.Subscription.Receiver.String(), r.Subscription.Label, r.Subscription.Site,
			r.Since.UnixMicro(), int64(at.Sub(r.Since)),
		})
	}
	pic.Early, pic.Totals.Early = p.rec.earlyPictures()
	return pic
}

// count adds a topic to the totals. What is published to a sub-topic counts with its topic.
func (pic *picture) count(r *recorder, t *weakbus.TopicStats, at time.Time) {
	n := &pic.Totals
	n.Topics++
	n.Subscriptions += t.Live
	for i := range t.Subscriptions {
		n.Waiting += t.Subscriptions[i].Waiting
	}
	if t.Keys != nil {
		return
	}
	n.Published += t.Published
	n.Dropped += t.Dropped
	x := r.root(t.Event)
	_, rate := rates(&x.each, at)
	n.PerSecond += rate
	n.Unheard += x.unheard.Load()
	n.Panics += x.panics.Load()
	n.Errors += x.errors.Load()
}

// rates returns the counts of the last seconds, and the mean of the last few.
func rates(s *seconds, at time.Time) (counts [shownSeconds]int, perSecond float64) {
	const few = 5
	counts = s.last(at)
	for _, n := range counts[shownSeconds-few:] {
		perSecond += float64(n) / few
	}
	return counts, perSecond
}

// picture returns a picture of a topic.
func (r *recorder) picture(t *weakbus.TopicStats, at time.Time, most bounds) topicPicture {
	k := keyOf(t.TopicInfo)
	pic := topicPicture{
		ID: k.String(), Name: t.String(), Package: packageOf(t.Event), Keyed: t.Keys != nil, Retains: t.Retains, Live: t.Live,
		Published: t.Published, Heard: t.Heard, Dropped: t.Dropped, Ended: make(map[string]int, len(t.Ended)),
	}
	for cause, n := range t.Ended {
		pic.Ended[cause.String()] = n
	}
	if x := r.tally(k); x != nil {
		x.fill(&pic, at)
	}
	if most.subscriptions == 0 {
		return pic
	}
	pic.Fields = fields(t.Event)
	pic.Subscriptions = []subscriptionPicture{}
	shown := min(len(t.Subscriptions), most.subscriptions)
	pic.Left = len(t.Subscriptions) - shown
	for i := range t.Subscriptions[:shown] {
		pic.Subscriptions = append(pic.Subscriptions, r.subscription(&t.Subscriptions[i]))
	}
	return pic
}

func (t *tally) fill(pic *topicPicture, at time.Time) {
	counts, rate := rates(&t.each, at)
	pic.PerSecond = rate
	if i := slices.IndexFunc(counts[:], func(n int) bool { return n > 0 }); i >= 0 {
		pic.Seconds = counts[i:]
	}
	pic.Timed = t.events.Load()
	if pic.Timed > 0 {
		pic.Receivers = float64(t.ran.Load()) / float64(pic.Timed)
		pic.Mean = t.nanos.Load() / pic.Timed
	}
	pic.Slowest, pic.Unheard = t.slowest.Load(), t.unheard.Load()
	pic.Panics, pic.Errors, pic.Unwritten, pic.Early = t.panics.Load(), t.errors.Load(), t.unwritten.Load(), t.early.Load()
}

func (r *recorder) subscription(s *weakbus.SubscriptionStats) subscriptionPicture {
	heard := "unknown"
	if s.Heard {
		heard = "yes"
	} else if r.knows(s.SubscriptionInfo, false) {
		heard = "no"
	}
	return subscriptionPicture{
		s.Receiver.String(), s.Label, s.Priority, s.State.String(), s.Waiting, s.Dropped, s.Replaced, heard, s.Site,
	}
}

// topic returns a picture of the topic of that name in addresses.
func (p *Page) topic(id string) (topicPicture, bool) {
	s, at := p.stats(false)
	for i := range s.Topics {
		if keyOf(s.Topics[i].TopicInfo).String() == id {
			return p.rec.picture(&s.Topics[i], at, forTopic), true
		}
	}
	return topicPicture{}, false
}

func mailboxes(s *weakbus.Stats, most int) []mailboxPicture {
	found := []mailboxPicture{}
	for i := range s.Topics {
		for _, sub := range s.Topics[i].Subscriptions {
			if sub.Waiting > 0 || sub.Dropped > 0 || sub.Replaced > 0 {
				found = append(found, mailboxPicture{
					s.Topics[i].String(), sub.Receiver.String(), sub.Label, sub.Waiting, sub.Dropped, sub.Replaced,
				})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b mailboxPicture) int { return cmp.Compare(b.Waiting, a.Waiting) })
	return found[:min(len(found), most)]
}

func (r *recorder) earlyPictures() (found []earlyPicture, times int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found = []earlyPicture{}
	for k, n := range r.early {
		found = append(found, earlyPicture{k.topic, k.receiver, k.label, k.site, n})
		times += n
	}
	slices.SortFunc(found, func(a, b earlyPicture) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), strings.Compare(a.Site, b.Site), strings.Compare(a.Topic, b.Topic),
			strings.Compare(a.Receiver, b.Receiver), strings.Compare(a.Label, b.Label))
	})
	return found, times + r.others
}

// fields writes an event type out.
func fields(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return t.Kind().String()
	}
	var all []string
	for f := range t.Fields() {
		all = append(all, f.Name+" "+f.Type.String())
	}
	return clip("struct{ " + strings.Join(all, "; ") + " }")
}

func packageOf(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath()
}

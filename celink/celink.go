// Package celink is a codec of package link that writes and reads CloudEvents 1.0 in structured JSON mode, for
// events that other systems read and write too.
package celink

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

// Codec is for events of one type. Data is JSON. Give it to link.With:
//
//	link.Share[Placed](l, "orders.placed", link.With(celink.Codec{Source: "/shop", Type: "com.example.placed"}))
type Codec struct {
	Source string // of the events that are written, a URI reference
	Type   string // that is written, and required of what is read
}

type envelope struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Time            *time.Time      `json:"time,omitempty"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
	DataBase64      []byte          `json:"data_base64,omitempty"`
}

// ContentType returns that of structured mode.
func (Codec) ContentType() string { return "application/cloudevents+json" }

// Marshal writes a CloudEvent with a random id and the present time.
func (c Codec) Marshal(event any) ([]byte, error) {
	data, err := json.Marshal(event)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	return json.Marshal(envelope{"1.0", rand.Text(), c.Source, c.Type, &now, "application/json", data, nil})
}

// Unmarshal reads a CloudEvent. Other attributes and extensions are ignored.
func (c Codec) Unmarshal(data []byte, event any) error {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return err
	}
	if e.SpecVersion != "1.0" || e.Type != c.Type {
		return fmt.Errorf("celink: specversion %q and type %q, not \"1.0\" and %q", e.SpecVersion, e.Type, c.Type)
	}
	if len(e.Data) == 0 {
		e.Data = e.DataBase64
	}
	return json.Unmarshal(e.Data, event)
}

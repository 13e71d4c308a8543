package weakbusdebug

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Bounds of what is written of one event.
const (
	maxText     = 300 // bytes in all
	maxString   = 80  // bytes of a string in a value
	maxElements = 8
	maxDepth    = 4
)

// written writes an event out as Go would, in short. It calls no method of it: that might take a lock
// which the publisher holds. It follows no pointer but that to the event, and looks into no map: others may be
// changing what is there.
func written(event any) string {
	v := reflect.ValueOf(event)
	var b strings.Builder
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		b.WriteByte('&')
		v = v.Elem()
	}
	write(&b, v, 0)
	return b.String()
}

var timeType, durationType = reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration]()

func write(b *strings.Builder, v reflect.Value, depth int) {
	if b.Len() > maxText {
		return
	}
	switch v.Kind() {
	case reflect.Invalid:
		b.WriteString("nil")
	case reflect.Bool:
		b.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.Type() == durationType {
			b.WriteString(time.Duration(v.Int()).String())
			return
		}
		b.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		b.WriteString(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		b.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()))
	case reflect.Complex64, reflect.Complex128:
		fmt.Fprint(b, v.Complex())
	case reflect.String:
		writeString(b, v.String())
	case reflect.Struct:
		writeStruct(b, v, depth)
	case reflect.Slice, reflect.Array:
		writeList(b, v, depth)
	case reflect.Map:
		fmt.Fprintf(b, "%v of %d", v.Type(), v.Len())
	case reflect.Interface:
		write(b, v.Elem(), depth+1)
	default: // pointers, functions and channels
		if v.IsNil() {
			b.WriteString("nil")
			return
		}
		b.WriteString(v.Type().String())
	}
}

func writeString(b *strings.Builder, s string) {
	if len(s) > maxString {
		b.WriteString(strconv.Quote(strings.ToValidUTF8(s[:maxString], "")))
		fmt.Fprintf(b, "… of %d bytes", len(s))
		return
	}
	b.WriteString(strconv.Quote(s))
}

func writeStruct(b *strings.Builder, v reflect.Value, depth int) {
	if v.Type() == timeType {
		if v.CanInterface() {
			b.WriteString(v.Interface().(time.Time).Format("2006-01-02T15:04:05.000Z07:00"))
		} else {
			b.WriteString("time.Time")
		}
		return
	}
	if depth >= maxDepth {
		b.WriteString(v.Type().String())
		return
	}
	b.WriteByte('{')
	for i := range v.NumField() {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(v.Type().Field(i).Name)
		b.WriteByte(':')
		write(b, v.Field(i), depth+1)
	}
	b.WriteByte('}')
}

func writeList(b *strings.Builder, v reflect.Value, depth int) {
	if depth >= maxDepth {
		b.WriteString(v.Type().String())
		return
	}
	b.WriteByte('[')
	for i := range min(v.Len(), maxElements) {
		if i > 0 {
			b.WriteByte(' ')
		}
		write(b, v.Index(i), depth+1)
	}
	if v.Len() > maxElements {
		fmt.Fprintf(b, " … of %d", v.Len())
	}
	b.WriteByte(']')
}

func clip(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

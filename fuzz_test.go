package weakbus_test

import "testing"

// FuzzOperations decodes its input into a script of operations, three bytes each, and compares
// the bus with the model.
func FuzzOperations(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 0, 15, 0, 1, 4, 0, 0, 15, 0, 2})
	f.Add([]byte{0, 0, 0, 0, 4, 60, 0, 2, 200, 9, 0, 4, 15, 0, 1, 8, 0, 0, 15, 0, 3})
	f.Add([]byte("subscribe, cancel, pause, drop and publish, in some order"))
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 300
		var ops []op
		for drops := 0; len(data) >= 3 && len(ops) < most; data = data[3:] {
			o := op{data[0], data[1], data[2]}
			if o.code%opCodes == dropCode {
				if drops++; drops > 5 { // each costs a collection
					continue
				}
			}
			ops = append(ops, o)
		}
		compareWithModel(t, ops)
	})
}

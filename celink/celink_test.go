package celink_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weakbus/weakbus/celink"
	"github.com/weakbus/weakbus/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type placed struct{ ID string }

var codec link.Codec = celink.Codec{Source: "/shop", Type: "com.example.placed"}

func TestThereAndBack(t *testing.T) {
	data, err := codec.Marshal(placed{"1"})
	require.NoError(t, err)
	var attributes map[string]any
	require.NoError(t, json.Unmarshal(data, &attributes))
	for _, required := range []string{"specversion", "id", "source", "type", "time", "datacontenttype", "data"} {
		assert.NotEmpty(t, attributes[required], required)
	}
	var e placed
	require.NoError(t, codec.Unmarshal(data, &e))
	assert.Equal(t, placed{"1"}, e)
	_, err = codec.Marshal(func() {})
	require.Error(t, err)
}

func TestWhatIsRead(t *testing.T) {
	var e placed
	event := `{"specversion":%q,"id":"1","source":"/x","type":%q,"ext":true,%s}`
	require.NoError(t, codec.Unmarshal(fmt.Appendf(nil, event, "1.0", "com.example.placed", `"data_base64":"eyJJRCI6ImIifQ=="`), &e))
	assert.Equal(t, "b", e.ID)
	require.ErrorContains(t, codec.Unmarshal(fmt.Appendf(nil, event, "0.3", "com.example.placed", `"data":{}`), &e), `specversion "0.3"`)
	require.ErrorContains(t, codec.Unmarshal(fmt.Appendf(nil, event, "1.0", "other", `"data":{}`), &e), `type "other"`)
	require.Error(t, codec.Unmarshal(fmt.Appendf(nil, event, "1.0", "com.example.placed", `"data":7`), &e))
	require.Error(t, codec.Unmarshal(fmt.Appendf(nil, event, "1.0", "com.example.placed", `"x":7`), &e), "no data")
	require.Error(t, codec.Unmarshal([]byte("no"), &e))
}

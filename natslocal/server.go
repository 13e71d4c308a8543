package natslocal

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Server is a NATS server in this process that nobody outside reaches. Embedded makes one.
type Server struct{ s *server.Server }

// Embedded starts a server without a listener, for several buses of one process, and for tests. With a directory for
// storeDir it has JetStream, whose streams are kept there; with an empty one it has not.
func Embedded(storeDir string) (*Server, error) {
	o := options()
	o.DontListen = true
	o.JetStream, o.StoreDir = storeDir != "", storeDir
	s, err := run(o)
	if err != nil {
		return nil, err
	}
	return &Server{s}, nil
}

// Connect returns a connection to the server, for natslink.New or NewDurable. It is the caller's to close.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append([]nats.Option{nats.InProcessServer(s.s), nats.NoEcho()}, opts...)...)
}

// Close ends the server, and waits until it has ended. Links are closed before. It always returns nil.
func (s *Server) Close() error {
	s.s.Shutdown()
	s.s.WaitForShutdown()
	return nil
}

func options() *server.Options {
	return &server.Options{ServerName: "weakbus-" + strconv.FormatInt(time.Now().UnixNano(), 36), NoSigs: true, NoSystemAccount: true}
}

// run starts a server. The server itself ends the process when it cannot listen, by way of its logger; this
// one does not.
func run(o *server.Options) (*server.Server, error) {
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("natslocal: %w", err)
	}
	log := &quiet{}
	s.SetLogger(log, false, false)
	s.Start()
	for range 500 {
		if s.ReadyForConnections(10 * time.Millisecond) {
			return s, nil
		}
		if log.fatal() != nil {
			break
		}
	}
	s.Shutdown()
	s.WaitForShutdown()
	if err := log.fatal(); err != nil {
		return nil, err
	}
	return nil, errors.New("natslocal: the server did not start within five seconds")
}

// quiet is a logger that keeps the first fatal error, and does not exit.
type quiet struct {
	mu  sync.Mutex
	err error
}

func (q *quiet) fatal() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Fatalf keeps an error.
func (q *quiet) Fatalf(format string, v ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = fmt.Errorf("natslocal: "+format, v...)
	}
}

// Noticef says nothing.
func (*quiet) Noticef(string, ...any) {}

// Warnf says nothing.
func (*quiet) Warnf(string, ...any) {}

// Errorf says nothing: what concerns a client is reported by its connection.
func (*quiet) Errorf(string, ...any) {}

// Debugf says nothing.
func (*quiet) Debugf(string, ...any) {}

// Tracef says nothing.
func (*quiet) Tracef(string, ...any) {}

// loopback returns the host and port of an address that no other machine reaches.
func loopback(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("natslocal: %w", err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", 0, fmt.Errorf("natslocal: %q is not on the loopback interface; to reach other machines, run a NATS server of your own and use natslink", host)
	}
	if port, err = strconv.Atoi(p); err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("natslocal: port %q; it takes a number from 1 to 65535 that the processes agree on", p)
	}
	return host, port, nil
}

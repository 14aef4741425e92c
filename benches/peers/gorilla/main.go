// gorilla/websocket: `gorilla PORT`. The hub of its chat example, a reading and a writing goroutine
// a member, with what its documentation names for speed: a broadcast is prepared once
// (PreparedMessage), small buffers with a pool for writing, no compression.
//
// Builds as a module and, with Debian's packages, as GOPATH=/usr/share/gocode GO111MODULE=off.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
)

// Messages that wait for one member, as in the example; one that is further behind is closed.
const queueMessages = 256

var upgrader = websocket.Upgrader{
	ReadBufferSize:  1024,
	WriteBufferSize: 1024,
	WriteBufferPool: &sync.Pool{},
	CheckOrigin:     func(*http.Request) bool { return true },
}

type member struct {
	conn  *websocket.Conn
	queue chan *websocket.PreparedMessage
}

type room struct {
	mutex   sync.RWMutex
	members map[*member]struct{}
}

var (
	roomsMutex sync.Mutex
	rooms      = map[string]*room{}
)

func roomOf(name string) *room {
	roomsMutex.Lock()
	defer roomsMutex.Unlock()
	found := rooms[name]
	if found == nil {
		found = &room{members: map[*member]struct{}{}}
		rooms[name] = found
	}
	return found
}

func (room *room) carry(kind int, message []byte) {
	prepared, err := websocket.NewPreparedMessage(kind, message)
	if err != nil {
		return
	}
	room.mutex.RLock()
	defer room.mutex.RUnlock()
	for member := range room.members {
		select {
		case member.queue <- prepared:
		default:
			member.conn.Close()
		}
	}
}

func (room *room) add(member *member) {
	room.mutex.Lock()
	defer room.mutex.Unlock()
	room.members[member] = struct{}{}
}

func (room *room) remove(member *member) {
	room.mutex.Lock()
	defer room.mutex.Unlock()
	delete(room.members, member)
	close(member.queue)
}

func (member *member) write() {
	for prepared := range member.queue {
		if member.conn.WritePreparedMessage(prepared) != nil {
			member.conn.Close()
		}
	}
}

// Reads until the end, giving each message to `take`.
func read(conn *websocket.Conn, take func(kind int, message []byte) error) {
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil || take(kind, message) != nil {
			return
		}
	}
}

func serve(path string, conn *websocket.Conn) {
	defer conn.Close()
	if path == "/echo" {
		read(conn, conn.WriteMessage)
		return
	}
	joins := strings.HasPrefix(path, "/room/")
	room := roomOf(path[strings.LastIndexByte(path, '/')+1:])
	if joins {
		self := &member{conn, make(chan *websocket.PreparedMessage, queueMessages)}
		room.add(self)
		defer room.remove(self)
		go self.write()
	}
	read(conn, func(kind int, message []byte) error {
		room.carry(kind, message)
		return nil
	})
}

func handle(writer http.ResponseWriter, request *http.Request) {
	path := request.URL.Path
	isRoom := strings.HasPrefix(path, "/room/") || strings.HasPrefix(path, "/publish/")
	if path != "/echo" && !isRoom {
		http.NotFound(writer, request)
		return
	}
	conn, err := upgrader.Upgrade(writer, request, nil)
	if err != nil {
		return
	}
	// Not this goroutine: its stack and the request would live as long as the connection.
	go serve(path, conn)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gorilla PORT")
		os.Exit(2)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening on " + os.Args[1])
	http.Serve(listener, http.HandlerFunc(handle))
}

//! Every bound of the engine that is not a setting, named with its unit last.
//!
//! Invariants: bounds that depend on each other are tied by the const assertions below.

/// Shards in one process.
pub const SHARDS_MAX: usize = 256;

/// Bytes of a room, user or event name.
pub const NAME_BYTES_MAX: usize = 255;

/// Classes of rooms one configuration may declare; each is looked at when a shard meets a new room.
pub const ROOM_CLASSES_MAX: usize = 256;

/// Backends one configuration may declare.
pub const BACKENDS_MAX: usize = 64;

/// Nanoseconds a message may wait for others to its room (`batch.delay`).
pub const BATCH_DELAY_NS_MAX: u64 = 1_000_000_000;

/// Events one configuration may declare.
pub const EVENTS_MAX: usize = 4_096;

/// Payload paths one event may read.
pub const SLOTS_MAX: usize = 64;

/// Text registers of the interpreter.
pub const REGISTERS_MAX: usize = 16;

/// Value registers of the interpreter.
pub const VALUES_MAX: usize = 64;

/// Bytes of one expression.
pub const EXPR_BYTES_MAX: usize = 4_096;

/// Levels of the tree of one expression.
pub const EXPR_DEPTH_MAX: usize = 64;

/// Elements of a list that a run goes through one by one: about what a backend's answer of the
/// usual bound holds. What that may cost is bounded by `RUN_WORK_MAX`.
pub const LIST_ELEMENTS_MAX: usize = 16_384;

/// `map` and `filter` inside of each other.
pub const EACH_DEPTH_MAX: usize = 2;

/// What the expressions of one run may cost: bytes they look at or make, and operations they run
/// for an element.
pub const RUN_WORK_MAX: usize = 4 << 20;

/// Bytes that a compiled pattern of `matches` may take.
pub const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// Instructions one event may compile to; there are no back edges, so also the steps of a run.
pub const PROGRAM_OPS_MAX: usize = 65_536;

/// Bytes of text (names) one run may build, a single piece apart.
pub const RUN_TEXT_BYTES_MAX: usize = 1 << 20;

/// Bytes of a refused call's body that a program may look into.
pub const ERROR_BODY_BYTES_MAX: usize = 16 * 1024;

/// Calls to backends that one shard has under way at once; further ones fail at once.
pub const CALLS_UNDER_WAY_MAX: usize = 4_096;

/// Nanoseconds beyond a call's own timeout after which a shard waits no longer.
pub const CALL_GRACE_NS: u64 = 2_000_000_000;

/// Bytes of log lines one run may build; what is beyond is cut off.
pub const RUN_LOG_BYTES_MAX: usize = 1 << 20;

/// Effects one run may produce.
pub const EFFECTS_MAX: usize = 1_024;

/// Nesting of a client's JSON.
pub const JSON_DEPTH_MAX: usize = 64;

/// Bytes of a session token.
pub const TOKEN_BYTES_MAX: usize = 8_192;

/// Bytes of an HMAC secret at least (RFC 7518 section 3.2: as long as the hash output).
pub const SECRET_BYTES_MIN: usize = 32;

/// Bytes of a configuration, all its files together.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

/// Files of a configuration.
pub const CONFIG_FILES_MAX: usize = 256;

/// Rooms one user may be in.
pub const ROOMS_PER_USER_MAX: usize = 1_024;

/// Texts whose limits one shard counts at once (`per: [room]`, `[payload.x]`, `[conn.ip]`): 3 MiB.
pub const LIMIT_KEYS_MAX: usize = 1 << 16;

/// Texts whose limits are counted at once for one user, and for one connection.
pub const LIMIT_KEYS_OF_ONE_MAX: usize = 64;

/// Nanoseconds between two looks for counts that are over.
pub const LIMIT_SWEEP_NS: u64 = 1_000_000_000;

/// Bytes of a control frame's payload (RFC 6455 section 5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// Largest server-to-client frame header (RFC 6455 section 5.2, unmasked).
pub const FRAME_HEADER_BYTES_MAX: usize = 10;

/// A frame longer than this is sent by itself instead of being copied into a batch.
pub const BATCH_FRAME_BYTES_MAX: usize = 16 * 1024;

/// Bytes of one batch: what one send to one connection carries at most, a single frame apart.
pub const BATCH_BYTES_MAX: usize = 64 * 1024;

/// Capacity of the frame buffers one shard keeps for reuse.
pub const FRAME_POOL_BYTES_MAX: usize = 16 << 20;

/// Peer frames in one shard's inbox, from all others; a full one becomes a backlog at the sender,
/// never a loss.
pub const MESH_CHANNEL_FRAMES: usize = 4_096;

/// Backlogged peer frames at which a shard stops reading from its connections.
pub const MESH_BACKLOG_PAUSE_FRAMES: usize = 8_192;

/// Peer frames handled in one turn, so that sockets get their share.
pub const MESH_FRAMES_PER_TURN: usize = 1_024;

/// Shortest and longest wait before accepting again after an error (out of files or memory).
pub const ACCEPT_BACKOFF_MIN_NS: u64 = 10_000_000;
pub const ACCEPT_BACKOFF_MAX_NS: u64 = 1_000_000_000;

/// Log lines that wait for a slow reader of stderr; what comes then is dropped and counted.
pub const LOG_LINES_WAITING_MAX: usize = 8_192;

/// Bytes a parked connection may have unread in memory before its socket is paused.
pub const PARKED_BYTES_MAX: usize = 128 * 1024;

/// Buffers one shard keeps for reuse by held connections, and the largest it keeps.
pub const SPARE_BUFFERS_MAX: usize = 256;
pub const SPARE_BUFFER_BYTES_MAX: usize = 16 * 1024;

/// Keys of conflated messages that wait on one shard.
pub const CONFLATED_KEYS_MAX: usize = 65_536;

/// Bytes of names in one message of a room's presence; a room with more is only counted.
pub const PRESENCE_NAMES_BYTES_MAX: usize = 16 * 1024;

/// Nanoseconds for which what happens in a room with presence is gathered: so many for each member,
/// within these bounds. One room's presence is no more than 10,000 frames a second until it has
/// 10,000 members.
pub const PRESENCE_GATHER_PER_MEMBER_NS: u64 = 100_000;
pub const PRESENCE_GATHER_MIN_NS: u64 = 100_000_000;
pub const PRESENCE_GATHER_MAX_NS: u64 = 1_000_000_000;

/// Members that one shard waits for at once to come back (`presence.leaveGrace`).
pub const PRESENCE_AWAITED_MAX: usize = 65_536;

/// Rooms that nobody is in whose history one shard keeps.
pub const HISTORY_ROOMS_LEFT_MAX: usize = 1 << 16;

/// Names of rooms and users that live elsewhere which one shard keeps for reuse.
pub const NAMES_KEPT: usize = 1_024;

/// Nanoseconds after which memory that was not needed is given back, half of it each time.
pub const TRIM_NS: u64 = 10_000_000_000;

/// Entries up to which a table of the outboxes is left as it is.
pub const TRIM_TABLE_MIN: usize = 128;

/// Frames given out that one trim asks whether they have come back.
pub const TRIM_FRAMES_MAX: usize = 16_384;

/// Nanoseconds between two ticks of the timer wheel (67 ms): what a timeout may be late.
pub const TIMER_TICK_NS: u64 = 1 << 26;

/// Control frames one connection has answered in one tick of the wheel: about 1,000 a second.
pub const CONTROL_FRAMES_PER_TICK_MAX: u16 = 64;

/// Connections refused at the gate that may linger until the client has read why.
pub const REFUSED_LINGERING_MAX: u32 = 64;

/// Members of rooms that one turn asks again after a reload has changed the rules.
pub const RECHECKS_PER_TURN_MAX: usize = 256;

/// Nanoseconds between two steps of a drain.
pub const DRAIN_STEP_NS: u64 = 50_000_000;

/// Nanoseconds a refused or closing socket may linger before it is cut.
pub const LINGER_NS: u64 = 2_000_000_000;

/// Bytes of ciphertext that one connection may make the server keep because they are not whole: a
/// record has 18 KiB at most, a handshake with a client's certificates rarely half of that.
pub const TLS_INCOMPLETE_BYTES_MAX: usize = 32_768;

/// Steps of TLS handshakes in one turn: each may take a signature, and others wait meanwhile.
pub const TLS_STEPS_PER_TURN: u32 = 8;

/// Days before the end of a certificate from which on its end is warned of.
pub const CERTIFICATE_WARNING_DAYS: u64 = 14;

const _: () = assert!(BATCH_FRAME_BYTES_MAX <= BATCH_BYTES_MAX);
// A room's list of names fits into one frame that is not sent by itself, and holds a name at least.
const _: () = assert!(PRESENCE_NAMES_BYTES_MAX <= BATCH_FRAME_BYTES_MAX);
const _: () = assert!(PRESENCE_NAMES_BYTES_MAX > 2 * NAME_BYTES_MAX + 3);
const _: () = assert!(MESH_CHANNEL_FRAMES <= MESH_BACKLOG_PAUSE_FRAMES);
// The scanner keeps one bit a level in a word.
const _: () = assert!(JSON_DEPTH_MAX <= u64::BITS as usize);
const _: () = assert!(SLOTS_MAX <= u8::MAX as usize);
const _: () = assert!(REGISTERS_MAX <= u8::MAX as usize);
const _: () = assert!(EVENTS_MAX <= u16::MAX as usize);
const _: () = assert!(ROOM_CLASSES_MAX <= u16::MAX as usize);
const _: () = assert!(SHARDS_MAX <= u16::MAX as usize);

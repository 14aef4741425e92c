//! Every JSON of GoGate's document, as it stands there.

pub const AUTH: &str = r#"{
  "event": "auth",
  "data": {
    "token": "your_jwt_access_token"
  }
}"#;

pub const AUTH_SUCCESS: &str = r#"{
  "event": "auth_success",
  "data": {
    "user_id": 1,
    "name": "John Doe",
    "phone": "+79991234567"
  }
}"#;

pub const AUTH_ERROR: &str = r#"{
  "event": "error",
  "data": {
    "message": "Authentication failed: Invalid token"
  }
}"#;

/// The structure of every message; its comment is left out, which no JSON may have.
pub const STRUCTURE: &str = r#"{
  "event": "event_name",
  "data": {}
}"#;

pub const SEND_MESSAGE: &str = r#"{
  "event": "send_message",
  "data": {
    "chat_id": 1,
    "text": "Hello, world!",
    "reply_to_id": 123,
    "attachment_ids": [456, 789]
  }
}"#;

pub const TYPING: &str = r#"{
  "event": "typing",
  "data": {
    "chat_id": 1,
    "is_typing": true
  }
}"#;

pub const ADD_REACTION: &str = r#"{
  "event": "add_reaction",
  "data": {
    "message_id": 123,
    "emoji": "👍"
  }
}"#;

pub const MARK_READ: &str = r#"{
  "event": "mark_read",
  "data": {
    "message_ids": [123, 124, 125]
  }
}"#;

pub const NEW_MESSAGE: &str = r#"{
  "event": "new_message",
  "data": {
    "id": 124,
    "chat_id": 1,
    "user": {
      "id": 2,
      "name": "Jane Smith",
      "phone": "+79997654321"
    },
    "type": "text",
    "text": "Hello back!",
    "reply_to": null,
    "attachments": [],
    "reactions": [],
    "read_count": 0,
    "mentions": null,
    "created_at": "2025-10-25T12:34:56Z",
    "edited_at": null,
    "is_edited": false
  }
}"#;

pub const USER_TYPING: &str = r#"{
  "event": "user_typing",
  "data": {
    "chat_id": 1,
    "user_id": 2,
    "name": "Jane Smith",
    "is_typing": true
  }
}"#;

pub const NEW_REACTION: &str = r#"{
  "event": "new_reaction",
  "data": {
    "message_id": 123,
    "user_id": 2,
    "name": "Jane Smith",
    "emoji": "❤️"
  }
}"#;

pub const MESSAGE_READ: &str = r#"{
  "event": "message_read",
  "data": {
    "message_ids": [123, 124],
    "user_id": 2,
    "name": "Jane Smith"
  }
}"#;

pub const INVALID_CHAT: &str = r#"{
  "event": "error",
  "data": {
    "message": "Invalid chat_id",
    "code": "INVALID_CHAT"
  }
}"#;

pub const HEALTH: &str = r#"{
  "status": "ok",
  "service": "gogate"
}"#;

pub const WSCAT_AUTH: &str = r#"{"event":"auth","data":{"token":"YOUR_JWT_TOKEN"}}"#;

pub const WSCAT_MESSAGE: &str =
    r#"{"event":"send_message","data":{"chat_id":1,"text":"Test message"}}"#;

/// What the backend is asked about a token.
pub const VALIDATE: &str = r#"{"token": "jwt_token"}"#;

//! HTTP/2 frames (RFC 9113 §6) and header fields (RFC 7541 §6), byte by byte: no library would write these.

/// What every connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Flags of a frame.
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;

/// Streams that the gateway allows on a connection unless told otherwise.
pub(crate) const STREAMS: u16 = 256;

/// What a frame is.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    Data = 0,
    Headers = 1,
    Reset = 3,
    Settings = 4,
    Ping = 6,
    WindowUpdate = 8,
    Continuation = 9,
}

/// Frames that are to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames {
    /// What to send.
    pub(crate) bytes: Vec<u8>,
    /// How many frames that is.
    pub(crate) count: u64,
}

/// A block of header fields.
#[derive(Clone, Debug)]
pub(crate) struct Block(Vec<u8>);

/// The numbers of a client's streams.
#[derive(Debug, Default)]
pub(crate) struct Numbers(u32);

impl Frames {
    /// How a connection begins, with settings as the gateway expects them.
    pub(crate) fn opening() -> Self {
        let mut frames = Self { bytes: PREFACE.to_vec(), count: 0 };
        frames.push(Kind::Settings, 0, 0, &[]);
        frames
    }

    pub(crate) fn push(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        // The length has 24 bits.
        self.bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes()[5..]);
        self.bytes.extend_from_slice(&[kind as u8, flags]);
        self.bytes.extend_from_slice(&stream.to_be_bytes());
        self.bytes.extend_from_slice(payload);
        self.count += 1;
    }

    /// A request without a body.
    pub(crate) fn request(&mut self, stream: u32, block: &Block) {
        self.push(Kind::Headers, END_HEADERS | END_STREAM, stream, &block.0);
    }

    /// The client gives the stream up.
    pub(crate) fn cancel(&mut self, stream: u32) {
        const CANCEL: u32 = 8;
        self.push(Kind::Reset, 0, stream, &CANCEL.to_be_bytes());
    }

    /// One setting (RFC 9113 §6.5.2).
    pub(crate) fn setting(&mut self, name: u16, value: u32) {
        self.push(Kind::Settings, 0, 0, &[&name.to_be_bytes()[..], &value.to_be_bytes()].concat());
    }

    /// Lets the gateway send `more` bytes on a stream.
    pub(crate) fn window(&mut self, stream: u32, more: u32) {
        self.push(Kind::WindowUpdate, 0, stream, &more.to_be_bytes());
    }
}

impl Block {
    /// The head of a GET.
    pub(crate) fn get(host: &str, path: &str) -> Self {
        // Of the static table: :method GET, :scheme http; then the names :authority and :path.
        let mut block = Self(vec![0x82, 0x86, 0x01]);
        block.string(host);
        block.0.push(0x04);
        block.string(path);
        block
    }

    /// A field that is not remembered.
    pub(crate) fn literal(&mut self, name: &str, value: &str) {
        self.field(0x00, name, value);
    }

    /// A field that the gateway remembers as its newest.
    pub(crate) fn remembered(&mut self, name: &str, value: &str) {
        self.field(0x40, name, value);
    }

    /// The newest remembered field, so many times, a byte each.
    pub(crate) fn newest(&mut self, times: usize) {
        self.0.resize(self.0.len() + times, 0x80 | 0x3e);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn field(&mut self, kind: u8, name: &str, value: &str) {
        self.0.push(kind);
        self.string(name);
        self.string(value);
    }

    /// A string without Huffman's code, its length as RFC 7541 §5.1 has it with a prefix of 7 bits.
    fn string(&mut self, text: &str) {
        const PREFIX: usize = 0x7f;
        let mut length = text.len();
        if length >= PREFIX {
            self.0.push(0x7f);
            length -= PREFIX;
            while length > PREFIX {
                self.0.push(0x80 | length.to_le_bytes()[0]);
                length >>= 7;
            }
        }
        self.0.push(length.to_le_bytes()[0]);
        self.0.extend_from_slice(text.as_bytes());
    }
}

impl Numbers {
    /// The next stream's: 1, 3 and so on.
    pub(crate) fn one_more(&mut self) -> u32 {
        self.0 += 2;
        self.0 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_its_length_kind_flags_stream_and_payload() {
        let mut frames = Frames::default();
        frames.cancel(5);
        assert_eq!(frames.bytes, [0, 0, 4, 3, 0, 0, 0, 0, 5, 0, 0, 0, 8]);
    }

    #[test]
    fn a_long_string_has_its_length_in_pieces_of_seven_bits() {
        for (length, written) in [(126, &[126][..]), (127, &[127, 0]), (1337, &[127, 0xba, 9]), (255, &[127, 0x80, 1])]
        {
            let mut block = Block(Vec::new());
            block.string(&"x".repeat(length));
            assert_eq!(block.0.split_at(written.len()), (written, "x".repeat(length).as_bytes()));
        }
    }
}

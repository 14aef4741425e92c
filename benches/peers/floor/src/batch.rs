//! Batches: the frames of one turn, built once and shared by everybody they go to.
//!
//! Invariant: a batch's bytes do not move while anybody is still to send it.

/// A batch's place in the pool.
pub type BatchId = u32;

#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// Connections that have not sent it yet.
    readers: u32,
}

#[derive(Default)]
pub struct Batches {
    batches: Vec<Batch>,
    free: Vec<BatchId>,
}

impl Batches {
    /// An empty batch that nobody reads yet. The one that came back last is still in the cache.
    pub fn take(&mut self) -> BatchId {
        self.free.pop().unwrap_or_else(|| {
            self.batches.push(Batch::default());
            (self.batches.len() - 1) as BatchId
        })
    }

    pub fn buffer(&mut self, id: BatchId) -> &mut Vec<u8> {
        &mut self.batches[id as usize].bytes
    }

    pub fn bytes(&self, id: BatchId) -> &[u8] {
        &self.batches[id as usize].bytes
    }

    /// So many connections are going to send it; none of them gives it back at once.
    pub fn share(&mut self, id: BatchId, readers: u32) {
        match readers {
            0 => self.recycle(id),
            _ => self.batches[id as usize].readers = readers,
        }
    }

    pub fn release(&mut self, id: BatchId) {
        let batch = &mut self.batches[id as usize];
        batch.readers -= 1;
        if batch.readers == 0 {
            self.recycle(id);
        }
    }

    fn recycle(&mut self, id: BatchId) {
        self.batches[id as usize].bytes.clear();
        self.free.push(id);
    }
}

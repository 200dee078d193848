//! Bytes as a gzip member (RFC 1952), and their CRC-32. Nothing is made smaller: blocks are stored as they are, which
//! any reader must take, and which needs no compressor.

const LARGEST_BLOCK: usize = 0xffff;
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The bytes as a gzip file.
pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(bytes.len() + 64);
    file.extend(HEADER);
    let mut blocks = bytes.chunks(LARGEST_BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        file.push(u8::from(blocks.peek().is_none()));
        file.extend(length.to_le_bytes());
        file.extend((!length).to_le_bytes());
        file.extend(block);
    }
    file.extend(crc32(bytes).to_le_bytes());
    let length = u32::try_from(bytes.len() & 0xffff_ffff).unwrap_or(0);
    file.extend(length.to_le_bytes());
    file
}

/// CRC-32 as gzip and the storage have it.
pub(in crate::sandbox) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_file_is_header_stored_blocks_and_trailer() {
        assert_eq!(gzip(b"ab"), b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x02\0\xfd\xffab\x6d\x48\x83\x9e\x02\0\0\0");
        let blocks = gzip(&[7; LARGEST_BLOCK + 1]);
        assert_eq!(blocks.len(), LARGEST_BLOCK + 1 + 10 + 2 * 5 + 8);
        assert_eq!((blocks[10], blocks[10 + 5 + LARGEST_BLOCK]), (0, 1), "the last block says so");
    }
}

//! Reading HTTP/1.1 requests as an upstream would, byte by byte.

use std::io::Read;
use std::net::TcpStream;

pub(super) fn read_head(socket: &mut TcpStream, read: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = read.drain(..at + 4).collect();
            // Latin-1: every byte stays visible, and one character.
            return Some(head.into_iter().map(char::from).collect());
        }
        let is_tls = read.first() == Some(&0x16);
        if is_tls || !more(socket, read) {
            return None;
        }
    }
}

pub(super) fn read_body(socket: &mut TcpStream, read: &mut Vec<u8>, head: &str) -> (Vec<u8>, bool) {
    let value = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    if value("transfer-encoding").is_some() {
        return read_chunks(socket, read);
    }
    let length: usize = value("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let body = take(socket, read, length);
    let complete = body.len() == length;
    (body, complete)
}

fn read_chunks(socket: &mut TcpStream, read: &mut Vec<u8>) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        while !read.contains(&b'\n') {
            if !more(socket, read) {
                return (body, false);
            }
        }
        let end = read.iter().position(|byte| *byte == b'\n').unwrap();
        let line: Vec<u8> = read.drain(..=end).collect();
        let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).unwrap();
        let piece = take(socket, read, size);
        let whole = piece.len() == size;
        body.extend(piece);
        if !whole || take(socket, read, 2) != b"\r\n" || size == 0 {
            return (body, whole && size == 0);
        }
    }
}

fn take(socket: &mut TcpStream, read: &mut Vec<u8>, count: usize) -> Vec<u8> {
    while read.len() < count && more(socket, read) {}
    read.drain(..count.min(read.len())).collect()
}

pub(super) fn more(socket: &mut TcpStream, read: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16 << 10];
    let count = socket.read(&mut buffer).unwrap_or(0);
    read.extend_from_slice(&buffer[..count]);
    count > 0
}

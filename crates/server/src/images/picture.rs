//! From bytes that somebody sent to a picture of ours: a square JPEG. Pure; slow, so it runs in a pool.
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage, guess_format,
};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of an upload at most (contract bapi §2.1).
pub const MAX_BYTES: usize = 10 * 1024 * 1024;
/// Pixels of a side at most, before anything is decoded.
const MAX_SIDE: u32 = 8192;
/// Pixels at most: 50 MB as they are decoded. A phone's picture has 12 million.
const MAX_PIXELS: u64 = 4096 * 4096;
/// Bytes that a decoder may ask for.
const MAX_ALLOC: u64 = 160 * 1024 * 1024;
/// Pixels of a side of what is kept.
pub const SIDE: u32 = 512;
const QUALITY: u8 = 85;

/// Why bytes make no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// More bytes, or more pixels, than are decoded.
    TooLarge,
    /// None of the formats that are read, or broken.
    Unreadable,
}

/// What kind of picture the bytes begin like; `None` for all that is not read. The name and the declared type say nothing.
#[must_use]
pub fn format(bytes: &[u8]) -> Option<ImageFormat> {
    guess_format(bytes).ok().filter(|f| {
        matches!(
            f,
            ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Gif | ImageFormat::WebP
        )
    })
}

/// Decodes the first frame, turns it as its EXIF says, takes the square in the middle and writes it anew as a JPEG on white.
///
/// # Errors
/// What cannot be used; a decoder that panics has met something unreadable.
pub fn remake(bytes: &[u8]) -> Result<Vec<u8>, Unusable> {
    catch_unwind(AssertUnwindSafe(|| decode(bytes))).unwrap_or(Err(Unusable::Unreadable))
}

fn decode(bytes: &[u8]) -> Result<Vec<u8>, Unusable> {
    let unreadable = |_| Unusable::Unreadable;
    if bytes.len() > MAX_BYTES {
        return Err(Unusable::TooLarge);
    }
    let format = format(bytes).ok_or(Unusable::Unreadable)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(too_large)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Unusable::Unreadable);
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Unusable::TooLarge);
    }
    // A broken note on how the camera was held is none.
    let turned = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let whole = DynamicImage::from_decoder(decoder).map_err(too_large)?;
    let side = width.min(height);
    let mut square = whole.crop_imm((width - side) / 2, (height - side) / 2, side, side);
    drop(whole);
    if side > SIDE {
        square = square.thumbnail_exact(SIDE, SIDE);
    }
    square.apply_orientation(turned);
    let mut out = Vec::with_capacity(64 * 1024);
    JpegEncoder::new_with_quality(&mut out, QUALITY)
        .encode_image(&on_white(&square))
        .map_err(unreadable)?;
    Ok(out)
}

fn too_large(e: image::ImageError) -> Unusable {
    match e {
        image::ImageError::Limits(_) => Unusable::TooLarge,
        _ => Unusable::Unreadable,
    }
}

/// A JPEG has no transparency: what shines through is white.
fn on_white(image: &DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.to_rgb8();
    }
    let from = image.to_rgba8();
    RgbImage::from_fn(from.width(), from.height(), |x, y| {
        let [r, g, b, a] = from.get_pixel(x, y).0;
        let over = |c: u8| {
            let mixed = (u32::from(c) * u32::from(a) + 255 * (255 - u32::from(a)) + 127) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        Rgb([over(r), over(g), over(b)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma, Rgba, RgbaImage};

    fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        image.write_to(&mut out, format).expect("an image");
        out.into_inner()
    }
    fn read(bytes: &[u8]) -> DynamicImage {
        image::load_from_memory_with_format(bytes, ImageFormat::Jpeg).expect("a JPEG")
    }
    /// Red on the left, blue on the right.
    fn halves(width: u32, height: u32) -> DynamicImage {
        DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, _| {
            if x < width / 2 {
                Rgb([255, 0, 0])
            } else {
                Rgb([0, 0, 255])
            }
        }))
    }

    #[test]
    fn every_format_becomes_a_small_square_jpeg() {
        for format in [
            ImageFormat::Jpeg,
            ImageFormat::Png,
            ImageFormat::Gif,
            ImageFormat::WebP,
        ] {
            let made = remake(&written(&halves(1600, 900), format)).expect("a picture");
            let made = read(&made).to_rgb8();
            assert_eq!(made.dimensions(), (SIDE, SIDE), "{format:?}");
            let (left, right) = (made.get_pixel(10, 256), made.get_pixel(500, 256));
            assert!(
                left[0] > 200 && right[2] > 200,
                "{format:?} {left:?} {right:?}"
            );
        }
        let small = remake(&written(&halves(40, 30), ImageFormat::Png)).expect("a picture");
        assert_eq!(
            read(&small).to_rgb8().dimensions(),
            (30, 30),
            "it is not blown up"
        );
        let gray = DynamicImage::ImageLuma8(GrayImage::from_pixel(20, 20, Luma([7])));
        assert!(remake(&written(&gray, ImageFormat::Png)).is_ok());
    }

    #[test]
    fn what_shines_through_is_white() {
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(16, 16, Rgba([0, 0, 0, 0])));
        let made = read(&remake(&written(&clear, ImageFormat::Png)).expect("a picture")).to_rgb8();
        assert!(made.get_pixel(8, 8).0.iter().all(|c| *c > 250));
    }

    #[test]
    fn the_camera_was_held_on_its_side_and_what_it_wrote_is_gone() {
        // An EXIF segment with the orientation 6 (turn by 90 degrees), and a comment.
        let mut jpeg = written(&halves(600, 600), ImageFormat::Jpeg);
        let exif: &[u8] = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0secret place";
        let mut segment = vec![0xff, 0xe1];
        segment.extend(u16::try_from(exif.len() + 2).expect("short").to_be_bytes());
        segment.extend(exif);
        jpeg.splice(2..2, segment);
        let made = remake(&jpeg).expect("a picture");
        assert!(!made.windows(6).any(|w| w == b"secret") && !made.windows(4).any(|w| w == b"Exif"));
        let made = read(&made).to_rgb8();
        let (top, bottom) = (made.get_pixel(256, 10), made.get_pixel(256, 500));
        assert!(top[0] > 200 && bottom[2] > 200, "{top:?} {bottom:?}");
    }

    #[test]
    fn only_pictures_are_read_and_what_hangs_on_them_does_not_survive() {
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
        for bytes in [
            &b""[..],
            b"x",
            svg,
            b"%PDF-1.7",
            b"BM\0\0\0\0",
            b"GIF89a",
            b"\x89PNG\r\n\x1a\n",
            b"\xff\xd8\xff",
            b"RIFF\0\0\0\0WEBPVP8 ",
            b"II*\0",
            b"\0\0\0\x1cftypavif",
        ] {
            assert_eq!(remake(bytes), Err(Unusable::Unreadable), "{bytes:?}");
        }
        let mut polyglot = written(&halves(64, 64), ImageFormat::Gif);
        polyglot.extend(b"<script>alert(1)</script>");
        let made = remake(&polyglot).expect("a picture");
        assert!(made.starts_with(b"\xff\xd8\xff") && !made.windows(7).any(|w| w == b"<script"));
        // Cut anywhere it is an answer, not a panic.
        let png = written(&halves(64, 64), ImageFormat::Png);
        for end in 0..png.len().min(200) {
            assert!(remake(&png[..end]).is_err() || end > 60);
        }
    }

    #[test]
    fn bombs_are_refused_before_they_are_decoded() {
        // A PNG header that claims 60000 by 60000 pixels, and one of 8000 by 8000.
        for side in [60_000_u32, 8_000] {
            let mut png = written(&halves(1, 1), ImageFormat::Png);
            png.splice(
                16..24,
                side.to_be_bytes().into_iter().chain(side.to_be_bytes()),
            );
            // The checksum of the header must fit, or it would be refused for that.
            let crc = crc(&png[12..29]);
            png.splice(29..33, crc.to_be_bytes());
            assert_eq!(remake(&png), Err(Unusable::TooLarge), "{side}");
        }
        assert_eq!(remake(&vec![0; MAX_BYTES + 1]), Err(Unusable::TooLarge));
    }

    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 {
                    (crc >> 1) ^ 0xedb8_8320
                } else {
                    crc >> 1
                }
            })
        })
    }
}

//! The sequence parameter set of H.265 (7.3.2.2), as far as its VUI's timing: everything of it that is used here stands
//! before. Bounded: no loop longer than the standard allows, whatever the bytes say.

use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, ByteReader};
use std::num::{NonZeroU32, NonZeroUsize};

use crate::codec::{Colour, reduced};
use crate::media::FrameRate;

/// A NAL unit's header.
const HEADER_BYTES: NonZeroUsize = NonZeroUsize::new(2).unwrap();
/// Short-term reference picture sets, their pictures, and long-term pictures (7.4.3.2.1, 7.4.8).
const MOST_SETS: u32 = 64;
const MOST_PICTURES: u32 = 16;
const MOST_LONG_TERM: u32 = 32;
/// Table E.1.
const ASPECTS: [(u16, u16); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
const EXTENDED_ASPECT: u8 = 255;

/// Why an SPS cannot be read.
#[derive(Debug)]
pub(super) enum SpsError {
    /// It ends too soon, or a number of it is too large to be one.
    #[expect(dead_code, reason = "told by Debug, to whoever asks why")]
    Bits(BitReaderError),
    /// A number of it is outside what the standard allows.
    #[expect(dead_code, reason = "told by Debug, to whoever asks why")]
    Outside(&'static str),
}

impl From<BitReaderError> for SpsError {
    fn from(error: BitReaderError) -> Self {
        Self::Bits(error)
    }
}

/// What is used of an SPS.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sps {
    /// After cropping, in luma samples.
    pub width: u32,
    /// After cropping, in luma samples.
    pub height: u32,
    pub bit_depth: u8,
    /// Whether the chroma has half the samples in both directions.
    pub is_420: bool,
    pub sample_aspect: Option<(u16, u16)>,
    pub colour: Option<Colour>,
    pub frame_rate: Option<FrameRate>,
}

impl Sps {
    /// Reads a whole NAL unit.
    pub(super) fn read(nal: &[u8]) -> Result<Self, SpsError> {
        let mut bits = BitReader::new(ByteReader::skipping_bytes(nal, HEADER_BYTES));
        bits.skip(4, "sps_video_parameter_set_id")?;
        let sub_layers: u8 = bits.read::<3, _>("sps_max_sub_layers_minus1")?;
        bits.skip(1, "sps_temporal_id_nesting_flag")?;
        skip_profile_tier_level(&mut bits, sub_layers)?;
        bits.read_ue("sps_seq_parameter_set_id")?;
        let chroma = up_to(bits.read_ue("chroma_format_idc")?, 3, "chroma_format_idc")?;
        let (width, height) = picture_size(&mut bits, chroma)?;
        let bit_depth = up_to(bits.read_ue("bit_depth_luma_minus8")?, 8, "bit_depth_luma_minus8")? as u8 + 8;
        bits.read_ue("bit_depth_chroma_minus8")?;
        skip_to_vui(&mut bits, sub_layers)?;
        let mut sps = Self {
            width,
            height,
            bit_depth,
            is_420: chroma == 1,
            sample_aspect: None,
            colour: None,
            frame_rate: None,
        };
        if bits.read_bit("vui_parameters_present_flag")? {
            sps.read_vui(&mut bits)?;
        }
        Ok(sps)
    }

    /// E.2.1
    fn read_vui(&mut self, bits: &mut impl BitRead) -> Result<(), SpsError> {
        if bits.read_bit("aspect_ratio_info_present_flag")? {
            self.sample_aspect = match bits.read::<8, u8>("aspect_ratio_idc")? {
                EXTENDED_ASPECT => {
                    let aspect: (u16, u16) = (
                        bits.read::<16, _>("sar_width")?,
                        bits.read::<16, _>("sar_height")?,
                    );
                    Some(aspect).filter(|(width, height)| *width > 0 && *height > 0)
                }
                index => usize::from(index)
                    .checked_sub(1)
                    .and_then(|at| ASPECTS.get(at))
                    .copied(),
            };
        }
        if bits.read_bit("overscan_info_present_flag")? {
            bits.skip(1, "overscan_appropriate_flag")?;
        }
        if bits.read_bit("video_signal_type_present_flag")? {
            self.colour = colour(bits)?;
        }
        if bits.read_bit("chroma_loc_info_present_flag")? {
            bits.read_ue("chroma_sample_loc_type_top_field")?;
            bits.read_ue("chroma_sample_loc_type_bottom_field")?;
        }
        bits.skip(3, "neutral_chroma_indication_flag")?;
        if bits.read_bit("default_display_window_flag")? {
            for _ in 0..4 {
                bits.read_ue("def_disp_win_offset")?;
            }
        }
        if bits.read_bit("vui_timing_info_present_flag")? {
            let units: u32 = bits.read::<32, _>("vui_num_units_in_tick")?;
            let scale: u32 = bits.read::<32, _>("vui_time_scale")?;
            // E.3.1: unlike H.264's, a tick is a picture.
            self.frame_rate = NonZeroU32::new(scale)
                .zip(NonZeroU32::new(units))
                .and_then(reduced);
        }
        Ok(())
    }
}

fn up_to(value: u32, most: u32, name: &'static str) -> Result<u32, SpsError> {
    if value <= most {
        Ok(value)
    } else {
        Err(SpsError::Outside(name))
    }
}

/// 7.3.3
fn skip_profile_tier_level(bits: &mut impl BitRead, sub_layers: u8) -> Result<(), SpsError> {
    bits.skip(96, "general_profile_tier_level")?;
    let mut present = [(false, false); 8];
    for layer in present.iter_mut().take(usize::from(sub_layers)) {
        let profile = bits.read_bit("sub_layer_profile_present_flag")?;
        *layer = (profile, bits.read_bit("sub_layer_level_present_flag")?);
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - u32::from(sub_layers)), "reserved_zero_2bits")?;
    }
    for (profile, level) in present {
        let length = if profile { 88 } else { 0 } + if level { 8 } else { 0 };
        bits.skip(length, "sub_layer_profile_tier_level")?;
    }
    Ok(())
}

fn picture_size(bits: &mut impl BitRead, chroma: u32) -> Result<(u32, u32), SpsError> {
    if chroma == 3 {
        bits.skip(1, "separate_colour_plane_flag")?;
    }
    let (mut width, mut height) = (
        bits.read_ue("pic_width_in_luma_samples")?,
        bits.read_ue("pic_height_in_luma_samples")?,
    );
    if bits.read_bit("conformance_window_flag")? {
        // Table 6-1: SubWidthC, SubHeightC.
        let (across, down) = match chroma {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let mut crop = |unit: u32| -> Result<u32, SpsError> {
            let (one, other) = (bits.read_ue("conf_win_offset")?, bits.read_ue("conf_win_offset")?);
            Ok(one.saturating_add(other).saturating_mul(unit))
        };
        width = width.saturating_sub(crop(across)?);
        height = height.saturating_sub(crop(down)?);
    }
    Ok((width, height))
}

fn skip_to_vui(bits: &mut impl BitRead, sub_layers: u8) -> Result<(), SpsError> {
    let name = "log2_max_pic_order_cnt_lsb_minus4";
    let order_bits = up_to(bits.read_ue(name)?, 12, name)? + 4;
    let all_layers = bits.read_bit("sps_sub_layer_ordering_info_present_flag")?;
    for _ in 0..=if all_layers { sub_layers } else { 0 } {
        for _ in 0..3 {
            bits.read_ue("sps_sub_layer_ordering_info")?;
        }
    }
    for _ in 0..6 {
        bits.read_ue("block sizes and depths")?;
    }
    if bits.read_bit("scaling_list_enabled_flag")? && bits.read_bit("sps_scaling_list_data_present_flag")? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2, "amp_enabled_flag")?;
    if bits.read_bit("pcm_enabled_flag")? {
        bits.skip(8, "pcm_sample_bit_depth")?;
        bits.read_ue("log2_min_pcm_luma_coding_block_size_minus3")?;
        bits.read_ue("log2_diff_max_min_pcm_luma_coding_block_size")?;
        bits.skip(1, "pcm_loop_filter_disabled_flag")?;
    }
    let name = "num_short_term_ref_pic_sets";
    let sets = up_to(bits.read_ue(name)?, MOST_SETS, name)?;
    let mut pictures = 0;
    for set in 0..sets {
        pictures = skip_reference_set(bits, set == 0, pictures)?;
    }
    if bits.read_bit("long_term_ref_pics_present_flag")? {
        let name = "num_long_term_ref_pics_sps";
        for _ in 0..up_to(bits.read_ue(name)?, MOST_LONG_TERM, name)? {
            bits.skip(order_bits + 1, "lt_ref_pic_poc_lsb_sps")?;
        }
    }
    bits.skip(2, "sps_temporal_mvp_enabled_flag")?;
    Ok(())
}

/// 7.3.4
fn skip_scaling_lists(bits: &mut impl BitRead) -> Result<(), SpsError> {
    for size in 0..4_u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.read_bit("scaling_list_pred_mode_flag")? {
                bits.read_ue("scaling_list_pred_matrix_id_delta")?;
                continue;
            }
            let coefficients = 64.min(1 << (4 + 2 * size));
            for _ in 0..coefficients + if size > 1 { 1 } else { 0 } {
                bits.read_se("scaling_list_delta_coef")?;
            }
        }
    }
    Ok(())
}

/// 7.3.7; `before` is how many pictures the set before has. Returns how many this one has.
fn skip_reference_set(bits: &mut impl BitRead, first: bool, before: u32) -> Result<u32, SpsError> {
    if !first && bits.read_bit("inter_ref_pic_set_prediction_flag")? {
        bits.skip(1, "delta_rps_sign")?;
        bits.read_ue("abs_delta_rps_minus1")?;
        let mut pictures = 0;
        for _ in 0..=before {
            let used = bits.read_bit("used_by_curr_pic_flag")? || bits.read_bit("use_delta_flag")?;
            pictures += u32::from(used);
        }
        return up_to(pictures, MOST_PICTURES, "NumDeltaPocs");
    }
    let negative = bits.read_ue("num_negative_pics")?;
    let pictures = negative.saturating_add(bits.read_ue("num_positive_pics")?);
    for _ in 0..up_to(pictures, MOST_PICTURES, "num_negative_pics")? {
        bits.read_ue("delta_poc_minus1")?;
        bits.skip(1, "used_by_curr_pic_flag")?;
    }
    Ok(pictures)
}

fn colour(bits: &mut impl BitRead) -> Result<Option<Colour>, SpsError> {
    bits.skip(3, "video_format")?;
    let full_range = bits.read_bit("video_full_range_flag")?;
    if !bits.read_bit("colour_description_present_flag")? {
        return Ok(None);
    }
    Ok(Some(Colour {
        primaries: bits.read::<8, _>("colour_primaries")?,
        transfer: bits.read::<8, _>("transfer_characteristics")?,
        matrix: bits.read::<8, _>("matrix_coeffs")?,
        full_range,
    }))
}

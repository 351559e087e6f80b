// A line of the log on its way from whoever logs to the thread that writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"

namespace vmq::logging {

/// Views into the bytes it was unpacked from, or into what is to be packed.
struct Record {
    std::int64_t time_us = 0;  // since 1970
    std::int32_t thread = 0;   // as the system numbers it
    log::Level level = log::Level::Info;
    log::Place place;
    std::string_view text;
    std::vector<log::Field> fields;
};

/// At least as many bytes as append_record() adds.
[[nodiscard]] std::size_t packed_size(const log::Line& line) noexcept;
/// Texts of fields are cut at log::kLongestText.
void append_record(std::string& bytes, const log::Line& line, std::int64_t time_us,
                   std::int32_t thread);
/// Takes one record from the front of `bytes`, which are not empty and hold what append_record()
/// has put there in this process.
void take_record(std::string_view& bytes, Record& record);
/// How many there are in `bytes`; needs no memory.
[[nodiscard]] std::size_t count_records(std::string_view bytes) noexcept;

}  // namespace vmq::logging

// MQTT packets as the scripts name them, to bytes and back. Independent of src/mqtt on purpose: a
// mistake there must not cancel itself out here, and scripts have to send what no client may send.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "conformance/words.h"

namespace vmq::conformance {

enum class Version : std::uint8_t { V31 = 3, V311 = 4, V5 = 5 };

/// "v31", "v311" or "v5".
[[nodiscard]] std::optional<Version> parse_version(std::string_view name);

/// The packet that `words` describe: its name, then fields. What is not mentioned has the obvious
/// value. The README beside this file lists the fields.
[[nodiscard]] Result<std::string> encode_packet(const std::vector<Word>& words, Version version);

struct Field {
    std::string name;
    std::string text;                    // for texts and binary
    std::vector<std::uint64_t> numbers;  // otherwise: one, or the reasons of SUBACK
    bool is_text = false;
    bool property = false;

    [[nodiscard]] std::string value() const;
};

/// A packet that the broker sent.
struct SeenPacket {
    std::string name;  // "PUBLISH"; "MALFORMED" for what no broker may send, with a field `why`
    std::vector<Field> fields;
    std::string bytes;

    [[nodiscard]] std::string text() const;
};

/// Takes the first packet off `stream`; nothing if it is not complete yet.
[[nodiscard]] std::optional<SeenPacket> take_packet(std::string& stream, Version version);

}  // namespace vmq::conformance

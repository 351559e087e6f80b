// Frames of control links with which operators' commands ask other nodes.
//
//   question := number:varint question: the rest
//   answer   := number:varint portion:varint flags:u8 text: the rest
//     flags  := 01 this was the last portion, 02 refused: the text says why
//   more     := number:varint portion:varint
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/frame_codec.h"

namespace vmq::cluster {

// Plain values: any thread. Views point into the frame.

struct Question {
    std::uint64_t number = 0;  // the asking node's, not 0
    std::string_view question;
};
struct AnswerPortion {
    std::uint64_t number = 0;   // of the question
    std::uint64_t portion = 0;  // from 0
    bool last = false;
    bool refused = false;
    std::string_view text;
};
/// The next portion is wanted.
struct MoreOfAnswer {
    std::uint64_t number = 0;
    std::uint64_t portion = 0;
};

void append(const Question& question, std::string& out);
void append(const AnswerPortion& portion, std::string& out);
void append(const MoreOfAnswer& more, std::string& out);

[[nodiscard]] bool decode(std::string_view body, Question& question);
[[nodiscard]] bool decode(std::string_view body, AnswerPortion& portion);
[[nodiscard]] bool decode(std::string_view body, MoreOfAnswer& more);

}  // namespace vmq::cluster

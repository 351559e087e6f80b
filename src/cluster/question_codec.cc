#include "cluster/question_codec.h"

namespace vmq::cluster {
namespace {

constexpr std::uint8_t kLast = 0x01;
constexpr std::uint8_t kRefused = 0x02;

}  // namespace

void append(const Question& question, std::string& out) {
    FrameWriter frame(FrameType::Question, out);
    frame.body().varint(question.number);
    frame.body().bytes(question.question);
    frame.finish();
}

bool decode(std::string_view body, Question& question) {
    ByteReader reader(body);
    if (!reader.varint(question.number) || question.number == 0) return false;
    question.question = reader.rest();
    return true;
}

void append(const AnswerPortion& portion, std::string& out) {
    FrameWriter frame(FrameType::Answer, out);
    frame.body().varint(portion.number);
    frame.body().varint(portion.portion);
    frame.body().u8(
        static_cast<std::uint8_t>((portion.last ? kLast : 0U) | (portion.refused ? kRefused : 0U)));
    frame.body().bytes(portion.text);
    frame.finish();
}

bool decode(std::string_view body, AnswerPortion& portion) {
    ByteReader reader(body);
    std::uint8_t flags = 0;
    if (!reader.varint(portion.number) || portion.number == 0 || !reader.varint(portion.portion) ||
        !reader.u8(flags) || (flags & ~(kLast | kRefused)) != 0) {
        return false;
    }
    portion.last = (flags & kLast) != 0;
    portion.refused = (flags & kRefused) != 0;
    portion.text = reader.rest();
    return true;
}

void append(const MoreOfAnswer& more, std::string& out) {
    FrameWriter frame(FrameType::MoreOfAnswer, out);
    frame.body().varint(more.number);
    frame.body().varint(more.portion);
    frame.finish();
}

bool decode(std::string_view body, MoreOfAnswer& more) {
    ByteReader reader(body);
    return reader.varint(more.number) && more.number != 0 && reader.varint(more.portion) &&
           reader.done();
}

}  // namespace vmq::cluster

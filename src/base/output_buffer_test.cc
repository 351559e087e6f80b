#include "base/output_buffer.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace vmq {
namespace {

std::string content(const OutputBuffer& buffer) {
    OutputBuffer::Piece pieces[64];
    const std::size_t count = buffer.gather(pieces, 64);
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all.append(pieces[i].data, pieces[i].size);
    return all;
}

TEST(OutputBuffer, KeepsTheOrderOfCopiedAndReferencedBytes) {
    OutputBuffer buffer;
    buffer.bytes() += "ab";
    buffer.append_reference("CD", nullptr);
    buffer.append_reference("E", nullptr);
    buffer.bytes() += "fg";
    EXPECT_EQ(content(buffer), "abCDEfg");
    EXPECT_EQ(buffer.size(), 7U);
}

TEST(OutputBuffer, LetsGoOfAnOwnerOnceItsBytesAreWritten) {
    auto payload = std::make_shared<const std::string>("payload");
    OutputBuffer buffer;
    buffer.append_reference(*payload, payload);
    buffer.consume(6);
    EXPECT_EQ(payload.use_count(), 2);
    buffer.consume(1);
    EXPECT_EQ(payload.use_count(), 1);
    EXPECT_TRUE(buffer.empty());
}

TEST(OutputBuffer, TakesAllOrAPartOfAnotherInOrder) {
    auto payload = std::make_shared<const std::string>("PAYLOAD");
    for (std::size_t first = 0; first <= 13; ++first) {
        SCOPED_TRACE(first);
        OutputBuffer from;
        from.bytes() += "--abc";
        from.append_reference(*payload, payload);
        from.bytes() += "xyz";
        from.consume(2);
        OutputBuffer to;
        to.bytes() += "<";
        to.take(from, first);
        to.bytes() += "|";
        EXPECT_EQ(from.size(), 13 - first);
        to.take(from);
        EXPECT_TRUE(from.empty());
        std::string expected = "abcPAYLOADxyz";
        expected.insert(first, "|");
        EXPECT_EQ(content(to), "<" + expected);
        to.consume(to.size());
        EXPECT_EQ(payload.use_count(), 1);
    }
}

TEST(OutputBuffer, PartialWritesOfAnySizeLoseAndRepeatNothing) {
    static const std::string kSource(20'000, 'r');
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        OutputBuffer buffer;
        std::string model;
        for (int step = 0; step < 400; ++step) {
            const auto size = 1 + random.below(3000);
            if (random.below(3) == 0) {
                buffer.append_reference(std::string_view(kSource).substr(0, size), nullptr);
                model.append(kSource, 0, size);
            } else {
                buffer.bytes().append(size, static_cast<char>('a' + step % 26));
                model.append(size, static_cast<char>('a' + step % 26));
            }
            if (random.below(2) == 0) {
                const auto count = random.below(static_cast<std::uint32_t>(model.size()) + 1);
                buffer.consume(count);
                model.erase(0, count);
            }
            ASSERT_EQ(buffer.size(), model.size());
            OutputBuffer::Piece first[1];
            if (!model.empty()) {
                ASSERT_EQ(buffer.gather(first, 1), 1U);
                ASSERT_EQ(std::string_view(first[0].data, first[0].size),
                          std::string_view(model).substr(0, first[0].size));
            }
        }
        OutputBuffer::Piece pieces[1024];
        std::string all;
        const auto count = buffer.gather(pieces, 1024);
        for (std::size_t i = 0; i < count; ++i) all.append(pieces[i].data, pieces[i].size);
        ASSERT_EQ(all, model);
    }
}

}  // namespace
}  // namespace vmq

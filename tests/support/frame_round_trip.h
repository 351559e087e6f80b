// Frames of the cluster, written and read back.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "cluster/frame_codec.h"

namespace vmq::testing {

/// The body of the one frame in `bytes`.
inline std::string body_of(const std::string& bytes, cluster::FrameType type) {
    cluster::FrameReader reader(1U << 20U);
    reader.add(bytes);
    cluster::Frame frame;
    EXPECT_EQ(reader.next(frame), cluster::FrameReader::Status::Complete);
    EXPECT_EQ(frame.type, type);
    return std::string(frame.body);
}

/// What is read back; each shorter body, and one with a byte more, is refused.
template <typename Kind>
Kind there_and_back(const Kind& sent, cluster::FrameType type) {
    std::string bytes;
    append(sent, bytes);
    const std::string body = body_of(bytes, type);
    Kind got;
    EXPECT_TRUE(decode(body, got));
    for (std::size_t size = 0; size < body.size(); ++size) {
        Kind part;
        EXPECT_FALSE(decode(std::string_view(body).substr(0, size), part)) << size;
    }
    Kind more;
    EXPECT_FALSE(decode(body + "x", more));
    return got;
}

}  // namespace vmq::testing

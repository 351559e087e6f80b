// For fuzz targets of the cluster's frames.
#pragma once

#include <string>
#include <string_view>

#include "base/assert.h"
#include "cluster/frame_codec.h"

namespace vmq::testing {

/// Either it is no such body, or what was read is written to the same bytes again.
template <typename Kind>
void check_frame(std::string_view body) {
    Kind kind;
    if (!decode(body, kind)) return;
    std::string frame;
    append(kind, frame);
    VMQ_ASSERT(std::string_view(frame).substr(cluster::kFrameOverhead) == body);
}

}  // namespace vmq::testing

// SPDX-License-Identifier: BSL-1.0
#ifndef APIMART_PROTOCOL_MULTIPART_FILE_HPP
#define APIMART_PROTOCOL_MULTIPART_FILE_HPP

#include <apimart/protocol/origin.hpp>

#include <string>
#include <string_view>

namespace apimart::detail {

// A multipart/form-data body (RFC 7578) with one part, a file, without the bytes of the file. The boundary has to be random
// enough to occur in no file.
class multipart_file
{
public:
    multipart_file(std::string_view boundary, std::string_view file_name, std::string_view media_type)
        : content_type("multipart/form-data; boundary=" + std::string(boundary)),
          head("--" + std::string(boundary) +
               "\r\nContent-Disposition: form-data; name=\"file\"; filename=\""),
          tail("\r\n--" + std::string(boundary) + "--\r\n")
    {
        // Quotes, line ends and letters beyond ASCII are read in different ways; of what is left all readers make the same.
        append_percent_encoded(head, file_name);
        head.append("\"\r\nContent-Type: ").append(media_type).append("\r\n\r\n");
    }

    std::string content_type;
    std::string head;
    std::string tail;
};

} // namespace apimart::detail

#endif

# The sections of a docstring ("Errors: ...") become headed paragraphs. Where the service's documentation says it is for those
# who write the library.
s#(///.*) ?\bSource: (API reference|api-reference\.md).*$#\1#
:again
s#^( *///.*\.) (Thread safety|Units|Limits|Lifetime|Example|Errors|Cancellation): #\1\n///@ \2: #
t again
s#(^|\n)( *)///@? *(Completion|Effects|Errors|Cancellation|Lifetime and thread safety|Lifetime and threads|Lifetime, thread safety, units|Cancellation, lifetime, thread safety|Cancellation, lifetime, thread safety, source|Lifetime|Thread safety|Units|Limits|Pace|Example): #\1\2/// @par \3\n\2/// #g
# What a token has to be, in Asio's words.
s#detail::completion_token<(.*)> Token\b#completion_token_for<void(error_code, \1)> Token#
# Friends are comparisons, and operators that are deleted; doxygen lists them without a place of their own.
/^ *template <class (Stream|T)[^<>]*>$/ { N; /friend/ d }
/^ *friend .*[;}]$/ d

/* Preact with tagged templates: text is always text, so nothing of a document can become markup. */
export {
  html, render, createContext, useContext, useState, useEffect, useLayoutEffect, useMemo, useRef, useCallback, useReducer, useErrorBoundary,
} from '../vendor/preact.js';
